"""A revision: a pod template that is rolled out, with the settings file that its pods mount."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.labels import REVISION_LABEL
from sirocco_operator.children.pod.template import pod_template
from sirocco_operator.children.serving_config import SettingsFile, settings_file
from sirocco_operator.settings import Settings

# Fields of the spec that no pod template has: a change of them replaces no pod.
_BESIDE_THE_PODS: Final = frozenset(
    {"replicas", "autoscaling", "rollout", "monitoring", "pod_disruption_budget", "service"}
)
# As long as the hashes that Kubernetes' own controllers put into names.
_HASH_DIGITS: Final = 10


@dataclass(frozen=True)
class Failure:
    """Why a revision could not start, and at which of the model's retry marks it was tried."""

    cause: str
    retry: str


@dataclass(frozen=True)
class Revision:
    """A pod template, and what is remembered of it."""

    hash: str
    template: Mapping[str, Any]
    settings: SettingsFile

    spec_digest: str
    """A hash of the fields that pods are made from; empty when they are not known."""

    number: int = 0
    """Its place in the order of rollouts, from 1; 0 before it has one."""

    served: bool = False
    """Whether a pod of it has been ready."""

    failure: Failure | None = None
    """Set once it was taken back."""


class Update(Enum):
    """How pods stand to what this operator makes of a spec that has not changed."""

    NONE = auto()
    PENDING = auto()
    UNDER_WAY = auto()
    FAILED = auto()


@dataclass(frozen=True)
class Rollout:
    """The revision that the Deployment has, and all that are remembered, that one among them."""

    current: Revision
    remembered: tuple[Revision, ...] = ()

    taken_back: str = ""
    """Why the revision that the operator makes of the spec failed; empty when it did not."""

    update: Update = Update.NONE

    in_place: bool = False
    """Whether an old pod ends before a new one starts, where the spec does not say."""


def build_revision(model: InferenceModel, settings: Settings) -> Revision:
    """What this operator makes of the spec. Its template carries its hash as a label."""
    template = pod_template(model, settings)
    name = template_hash(template)
    metadata = {**template["metadata"], "labels": {**template["metadata"]["labels"], REVISION_LABEL: name}}
    return Revision(name, {**template, "metadata": metadata}, settings_file(model), spec_digest(model))


def makes_other_pods(built: Revision, running: Revision) -> bool:
    """Whether pods of `built` would be others than those of `running`.

    Revisions of release 0.1.0 have no label and another name of the settings, and have the API server's
    defaults: that alone makes no other pods.
    """
    if built.hash == running.hash or REVISION_LABEL in (running.template["metadata"].get("labels") or {}):
        return built.hash != running.hash
    template = json.loads(json.dumps(built.template).replace(built.settings.name, running.settings.name))
    del template["metadata"]["labels"][REVISION_LABEL]
    return dict(built.settings.data) != dict(running.settings.data) or not _covers(running.template, template)


def _covers(live: Any, wanted: Any) -> bool:
    """Whether `live` has all that is wanted, and beside it only fields that the API server may have set."""
    if isinstance(wanted, Mapping) and isinstance(live, Mapping | None):
        return all(_covers((live or {}).get(key), each) for key, each in wanted.items())
    if not wanted:
        return not live
    if isinstance(wanted, list) and isinstance(live, list) and len(live) == len(wanted):
        return all(_covers(mine, each) for mine, each in zip(live, wanted, strict=True))
    return bool(live == wanted)


def template_hash(template: Mapping[str, Any]) -> str:
    """A short name for a pod template: the same for the same content."""
    return _digest(template)[:_HASH_DIGITS]


def spec_digest(model: InferenceModel) -> str:
    """A hash of what the spec says of the pods, the same in operators with other defaults and images."""
    fields = model.spec.model_dump(mode="json", exclude_defaults=True, exclude=set(_BESIDE_THE_PODS))
    return _digest(fields)[:32]


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
