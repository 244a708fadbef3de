"""Which nodes a pod may use, what keeps it off the others, and who holds their GPUs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sirocco_operator.children.labels import MANAGED_BY, MANAGED_BY_LABEL, MODEL_LABEL
from sirocco_operator.kube.quantity import canonical
from sirocco_operator.status import pods
from sirocco_operator.status.observed import Manifest

# Nodes whose pods are read to tell who holds the GPUs; one is enough for the sentence.
CANDIDATES: Final = 8

_REPELLING: Final = ("NoSchedule", "NoExecute")
# What the node controller adds to a cordoned node.
_CORDONED: Final = "node.kubernetes.io/unschedulable"
# Taints that tell a state of the node, which nobody should tolerate.
_STATES: Final = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")


@dataclass(frozen=True)
class Holder:
    """A model or a pod that holds GPUs of a node."""

    title: str
    gpus: int
    is_own: bool


@dataclass(frozen=True)
class Usage:
    """How a node's GPUs are used; the holders with the most come first."""

    node: str
    gpus: int
    holders: tuple[Holder, ...]

    @property
    def free(self) -> int:
        """GPUs that nobody holds."""
        return max(self.gpus - sum(holder.gpus for holder in self.holders), 0)


def name(node: Manifest) -> str:
    """The node's name."""
    return str(node["metadata"]["name"])


def gpus(node: Manifest, resource: str) -> int:
    """How many of the resource the node has for pods, free or not."""
    return int(canonical(((node.get("status") or {}).get("allocatable") or {}).get(resource, 0)))


def is_cordoned(node: Manifest) -> bool:
    """Whether the node takes no new pods (`kubectl cordon`)."""
    return bool((node.get("spec") or {}).get("unschedulable"))


def has_labels(node: Manifest, pod: Manifest) -> bool:
    """Whether the node has the labels of the pod's nodeSelector."""
    labels = node["metadata"].get("labels") or {}
    selector = (pod.get("spec") or {}).get("nodeSelector") or {}
    return all(labels.get(key) == value for key, value in selector.items())


def repelling_taints(node: Manifest, pod: Manifest) -> tuple[Mapping[str, Any], ...]:
    """The node's taints that keep the pod away, without that of a cordoned node."""
    tolerations = (pod.get("spec") or {}).get("tolerations") or ()
    return tuple(
        taint
        for taint in (node.get("spec") or {}).get("taints") or ()
        if taint.get("effect") in _REPELLING
        and taint.get("key") != _CORDONED
        and not _tolerated(taint, tolerations)
    )


def allows(node: Manifest, pod: Manifest) -> bool:
    """Whether the node is schedulable, has the selector's labels, and only taints that the pod tolerates."""
    return not is_cordoned(node) and has_labels(node, pod) and not repelling_taints(node, pod)


def is_state(taint: Mapping[str, Any]) -> bool:
    """Whether the taint tells a state of the node, e.g. that it is not ready."""
    return str(taint.get("key", "")).startswith(_STATES)


def taint_text(taint: Mapping[str, Any]) -> str:
    """The taint as `kubectl taint` takes it."""
    value = taint.get("value")
    return f"{taint.get('key', '')}{f'={value}' if value else ''}:{taint.get('effect', '')}"


def toleration_text(taint: Mapping[str, Any]) -> str:
    """The toleration of the taint, as an entry of `tolerations`."""
    value = taint.get("value")
    match = f"operator: Equal, value: {value}" if value else "operator: Exists"
    return f"{{key: {taint.get('key', '')}, {match}, effect: {taint.get('effect', '')}}}"


def candidates(nodes: Iterable[Manifest], pod: Manifest, resource: str) -> tuple[Manifest, ...]:
    """Some nodes that the pod may use and that have enough GPUs, free or not; the largest come first."""
    wanted = pods.requested(pod, resource)
    able = [node for node in nodes if gpus(node, resource) >= wanted > 0 and allows(node, pod)]
    return tuple(sorted(able, key=lambda node: (-gpus(node, resource), name(node)))[:CANDIDATES])


def best_usage(
    nodes: Iterable[Manifest], holders: Sequence[Manifest], resource: str, own: tuple[str, str]
) -> Usage | None:
    """The node with the most free GPUs, and who holds the others; None when no holder is known.

    `own` is the namespace and name of the model that waits.
    """
    usages = []
    for node in nodes:
        held: Counter[tuple[str, bool]] = Counter()
        for pod in holders:
            if (pod.get("spec") or {}).get("nodeName") == name(node):
                held[_holder(pod, own)] += pods.gpus_held(pod, resource)
        found = [Holder(title, amount, is_own) for (title, is_own), amount in held.items() if amount]
        if found:
            found.sort(key=lambda holder: (-holder.gpus, holder.title))
            usages.append(Usage(name(node), gpus(node, resource), tuple(found)))
    return max(usages, key=lambda usage: usage.free, default=None)


def _holder(pod: Manifest, own: tuple[str, str]) -> tuple[str, bool]:
    metadata = pod["metadata"]
    labels, namespace = metadata.get("labels") or {}, metadata["namespace"]
    if labels.get(MANAGED_BY_LABEL) == MANAGED_BY and (model := labels.get(MODEL_LABEL)):
        return f"the model {namespace}/{model}", (namespace, model) == own
    return f"the pod {namespace}/{metadata['name']}", False


def _tolerated(taint: Mapping[str, Any], tolerations: Sequence[Mapping[str, Any]]) -> bool:
    return any(
        toleration.get("key") in (None, "", taint.get("key"))
        and toleration.get("effect") in (None, "", taint.get("effect"))
        and (toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", ""))
        for toleration in tolerations
    )
