"""Reads a model's revisions from what the cluster holds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from sirocco_operator.api.v1alpha1 import InferenceModel, OnFailure
from sirocco_operator.children.controller_revision import read_controller_revision
from sirocco_operator.children.pod.volumes import SERVING_VOLUME
from sirocco_operator.children.revision import Revision, Rollout, build_revision, spec_digest, template_hash
from sirocco_operator.children.serving_config import SettingsFile, mutable_settings_name, settings_file
from sirocco_operator.controller.store import Identity, Key, Manifest, Store
from sirocco_operator.kube.client import FIELD_MANAGER
from sirocco_operator.kube.kinds import CONFIG_MAP, CONTROLLER_REVISION
from sirocco_operator.reconcile.ownership import owned_part, ownership
from sirocco_operator.reconcile.rollout import Pods, choose, find_running
from sirocco_operator.settings import Settings
from sirocco_operator.status import pods
from sirocco_operator.status.failed_starts import cause_of, failed_revisions
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import Observed
from sirocco_operator.status.reasons import Reason

# With these, what the Deployment has need not be what the spec of that generation asks for.
_NOT_WRITTEN: Final = frozenset(
    {
        Reason.INVALID_SPEC,
        Reason.NAME_CONFLICT,
        Reason.IMAGE_VOLUMES_UNSUPPORTED,
        Reason.QUOTA_EXCEEDED,
        Reason.CHILD_REJECTED,
    }
)


@dataclass(frozen=True)
class Starts:
    """The revisions, by label, of all pods, of those that are ready, and of those that cannot start."""

    existing: frozenset[str]
    serving: frozenset[str]
    failed: frozenset[str]

    @classmethod
    def of(cls, model_pods: Sequence[Manifest]) -> Self:
        """What these pods tell."""
        serving = frozenset(pods.revision(pod) for pod in model_pods if pods.is_ready(pod))
        existing = frozenset(pods.revision(pod) for pod in model_pods)
        return cls(existing, serving, failed_revisions(model_pods))


class Revisions:
    """Finds out which revision each model is to have."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def rollout(
        self,
        model: InferenceModel,
        children: Collection[Identity],
        deployment: Manifest | None,
        model_pods: Sequence[Manifest],
        status: Mapping[str, Any],
        *,
        may_update: bool,
    ) -> Rollout:
        """The rollout of a model with these children, this Deployment of its own and this status."""
        key = Key(model.metadata.namespace, model.metadata.name)
        remembered = [
            read_controller_revision(live)
            for which in children
            if which.kind == CONTROLLER_REVISION.full_name and (live := self._store.read(which))
        ]
        built = build_revision(model, self._settings)
        running = None
        if deployment is not None:
            template = deployment["spec"]["template"]
            running = find_running(template, remembered)
            if running is None and pods.revision(template) != built.hash:
                running = self._adopted(key, model, deployment, status)
        starts = Starts.of(model_pods)
        failed: dict[str, str] = {}
        if model.spec.rollout.on_failure is OnFailure.ROLL_BACK:
            state = ModelState(model, Observed(deployment, model_pods))
            # Of another revision, which gives way anyhow, the cause is of no use.
            failed = {each: cause_of(state) for each in starts.failed if each == state.revision}
        return choose(
            built,
            running,
            remembered,
            Pods(starts.existing, starts.serving, failed),
            model.metadata.retry,
            may_update=may_update,
        )

    def _adopted(
        self, key: Key, model: InferenceModel, deployment: Manifest, status: Mapping[str, Any]
    ) -> Revision | None:
        """What the Deployment has, where nothing remembers it; None when the operator does not own it all.

        So it is with what release 0.1.0 rolled out, and after somebody deleted the ControllerRevision.
        """
        owned = ownership(deployment, FIELD_MANAGER)
        fields = ((owned.fields if owned else {}).get("f:spec") or {}).get("f:template")
        if not fields:
            return None
        template = owned_part(deployment["spec"]["template"], fields)
        label = pods.revision(deployment["spec"]["template"])
        if pods.revision(template) != label:
            return None
        volumes = (template.get("spec") or {}).get("volumes") or ()
        names = [each["configMap"]["name"] for each in volumes if each["name"] == SERVING_VOLUME]
        name = next(iter(names), mutable_settings_name(model))
        config_map = self._store.read(Identity(CONFIG_MAP.full_name, key.namespace, name))
        data = config_map["data"] if config_map else settings_file(model).data
        handled = (
            status.get("observedGeneration") == model.metadata.generation
            and status.get("reason") not in _NOT_WRITTEN
        )
        return Revision(
            label or template_hash(template),
            template,
            SettingsFile(name, data, immutable=False),
            spec_digest(model) if handled else "",
        )
