"""The ControllerRevision that remembers a revision, as those of a StatefulSet do."""

from collections.abc import Mapping
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.labels import REVISION_LABEL
from sirocco_operator.children.manifest import manifest
from sirocco_operator.children.revision import Failure, Revision
from sirocco_operator.children.serving_config import SettingsFile
from sirocco_operator.kube.kinds import CONTROLLER_REVISION

# What the spec said of the pods, and whether one of them has been ready.
_SPEC_DIGEST: Final = "inference.sirocco.dev/spec-digest"
_SERVED: Final = "inference.sirocco.dev/served"
# Why it was taken back, and the model's retry mark at which it was tried.
_FAILURE: Final = "inference.sirocco.dev/failure"
_FAILED_RETRY: Final = "inference.sirocco.dev/failed-retry"


def build_controller_revision(model: InferenceModel, revision: Revision) -> dict[str, Any]:
    """A ControllerRevision; its data never change, its number and annotations do."""
    name = f"{model.metadata.name}-{revision.hash}"
    whole = manifest(CONTROLLER_REVISION, model, name=name, extra_labels={REVISION_LABEL: revision.hash})
    annotations = {_SPEC_DIGEST: revision.spec_digest}
    if revision.served:
        annotations[_SERVED] = "true"
    if revision.failure is not None:
        annotations |= {_FAILURE: revision.failure.cause, _FAILED_RETRY: revision.failure.retry}
    settings = revision.settings
    return {
        **whole,
        "metadata": {**whole["metadata"], "annotations": annotations},
        "revision": revision.number,
        "data": {
            "spec": {"template": revision.template},
            "settings": {"name": settings.name, "data": settings.data, "immutable": settings.immutable},
        },
    }


def read_controller_revision(live: Mapping[str, Any]) -> Revision:
    """The revision that a ControllerRevision remembers."""
    metadata, data = live["metadata"], live["data"]
    annotations, settings = metadata.get("annotations") or {}, data["settings"]
    return Revision(
        hash=metadata["name"].rpartition("-")[2],
        template=data["spec"]["template"],
        settings=SettingsFile(settings["name"], settings["data"], bool(settings.get("immutable"))),
        spec_digest=annotations.get(_SPEC_DIGEST, ""),
        number=int(live["revision"]),
        served=annotations.get(_SERVED) == "true",
        failure=Failure(cause, annotations.get(_FAILED_RETRY, ""))
        if (cause := annotations.get(_FAILURE))
        else None,
    )
