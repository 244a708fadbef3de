"""The common part of every child: identity, labels and owner."""

from typing import Any

from sirocco_operator.api.v1alpha1 import API_VERSION, KIND, InferenceModel
from sirocco_operator.children.labels import labels
from sirocco_operator.kube.kinds import Kind


def manifest(
    kind: Kind, model: InferenceModel, *, name: str = "", extra_labels: dict[str, str] | None = None
) -> dict[str, Any]:
    """The common part of a child, named like its model by default.

    A model without uid, as when rendered offline, owns nothing: the API server refuses an owner without one.
    """
    metadata: dict[str, Any] = {
        "name": name or model.metadata.name,
        "namespace": model.metadata.namespace,
        "labels": {**(extra_labels or {}), **labels(model.metadata.name)},
    }
    if model.metadata.uid:
        metadata["ownerReferences"] = [
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": model.metadata.name,
                "uid": model.metadata.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}
