"""Detectors for pods that the scheduler cannot place."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sirocco_operator.api.v1alpha1 import Device
from sirocco_operator.kube.quantity import canonical
from sirocco_operator.status import pods
from sirocco_operator.status.detector import Detect, Detector
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import Manifest
from sirocco_operator.status.reasons import Reason

# The scheduler adds that neither preemption nor deallocating claims would help.
AFTERTHOUGHT = re.compile(r"\.? (no new claims to deallocate|preemption:).*", re.DOTALL)
REPELLING = ("NoSchedule", "NoExecute")


@dataclass(frozen=True)
class Shortage:
    """A pod that waits for GPUs, and the nodes that it may run on."""

    wanted: int
    resource: str
    # GPUs of each node that the pod's selector and tolerations allow; None when the nodes are not known.
    capacities: tuple[int, ...] | None
    # How many nodes the scheduler found too short of GPUs.
    short: int
    scheduler_message: str

    @property
    def largest(self) -> int:
        """The most GPUs on one of these nodes."""
        return max(self.capacities or (), default=0)

    @property
    def placeholders(self) -> dict[str, str]:
        """The values of a cause's placeholders."""
        return {
            "wanted": str(self.wanted),
            "resource": self.resource,
            "largest": str(self.largest),
            "scheduler_message": self.scheduler_message,
        }


def no_node_has_gpus(state: ModelState) -> Mapping[str, str] | None:
    """Detects that no node open to the pod has a GPU."""
    shortage = _shortage(state)
    return (
        shortage.placeholders
        if shortage and shortage.capacities is not None and not shortage.largest
        else None
    )


def no_node_has_enough_gpus(state: ModelState) -> Mapping[str, str] | None:
    """Detects that no node open to the pod has enough GPUs, free or not."""
    shortage = _shortage(state)
    if not shortage or shortage.capacities is None or shortage.largest >= shortage.wanted:
        return None
    return shortage.placeholders


def gpus_in_use(state: ModelState) -> Mapping[str, str] | None:
    """Detects that nodes have enough GPUs, but other pods hold them."""
    shortage = _shortage(state)
    if not shortage or shortage.capacities is None or shortage.largest < shortage.wanted:
        return None
    too_small = sum(capacity < shortage.wanted for capacity in shortage.capacities)
    # If the scheduler rejects every node with enough GPUs for another cause, GPUs are not the problem.
    return shortage.placeholders if shortage.short > too_small else None


def gpus_short(state: ModelState) -> Mapping[str, str] | None:
    """Detects that GPUs are short, when the operator may not read nodes."""
    shortage = _shortage(state)
    return shortage.placeholders if shortage and shortage.capacities is None else None


def unscheduled(pattern: str) -> Detect:
    """Detects an unschedulable pod whose scheduler message matches the pattern."""
    wanted = re.compile(pattern)

    def detect(state: ModelState) -> Mapping[str, str] | None:
        for _, quote in _unschedulable(state):
            if wanted.search(quote):
                return {"quote": quote}
        return None

    return detect


def _unschedulable(state: ModelState) -> Iterator[tuple[Manifest, str]]:
    for pod in state.unready_pods:
        if pods.is_unschedulable(pod):
            quote = str(pods.condition(pod, "PodScheduled").get("message", ""))
            yield pod, AFTERTHOUGHT.sub("", quote)


def _shortage(state: ModelState) -> Shortage | None:
    resource = state.model.spec.gpu_resource
    if state.model.spec.device is not Device.GPU:
        return None
    insufficient = re.compile(rf"(\d+) Insufficient {re.escape(resource)}(?!\.?[\w/-])")
    for pod, quote in _unschedulable(state):
        if found := insufficient.search(quote):
            nodes = state.observed.nodes
            capacities = (
                tuple(_capacity(node, resource) for node in nodes if _allows(node, pod)) if nodes else None
            )
            return Shortage(pods.requested(pod, resource), resource, capacities, int(found.group(1)), quote)
    return None


def _capacity(node: Manifest, resource: str) -> int:
    return int(canonical(((node.get("status") or {}).get("allocatable") or {}).get(resource, 0)))


def _allows(node: Manifest, pod: Manifest) -> bool:
    """Whether the node is schedulable, has the selector's labels, and only taints that the pod tolerates."""
    spec, labels = node.get("spec") or {}, node["metadata"].get("labels") or {}
    selector = (pod.get("spec") or {}).get("nodeSelector") or {}
    tolerations = (pod.get("spec") or {}).get("tolerations") or ()
    if spec.get("unschedulable") or any(labels.get(key) != value for key, value in selector.items()):
        return False
    taints = (taint for taint in spec.get("taints") or () if taint.get("effect") in REPELLING)
    return all(_tolerated(taint, tolerations) for taint in taints)


def _tolerated(taint: Mapping[str, Any], tolerations: Sequence[Mapping[str, Any]]) -> bool:
    return any(
        toleration.get("key") in (None, "", taint.get("key"))
        and toleration.get("effect") in (None, "", taint.get("effect"))
        and (toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", ""))
        for toleration in tolerations
    )


DETECTORS = (
    Detector(
        Reason.INSUFFICIENT_GPU,
        no_node_has_gpus,
        "needs {wanted} {resource} on one node, no node that the pod may use has any",
        "add GPU nodes with their device plugin, correct gpuResource or nodeSelector, or set device: cpu",
    ),
    Detector(
        Reason.INSUFFICIENT_GPU,
        no_node_has_enough_gpus,
        "needs {wanted} {resource} on one node, the largest node has {largest}",
    ),
    Detector(
        Reason.WAITING_FOR_GPU,
        gpus_in_use,
        "needs {wanted} free {resource} on one node, other pods hold them",
    ),
    Detector(
        Reason.WAITING_FOR_GPU,
        gpus_short,
        "needs {wanted} free {resource} on one node, the scheduler says: {scheduler_message}",
        "lower tensorParallel, add nodes, or stop something that uses GPUs",
    ),
    Detector(
        Reason.UNSCHEDULABLE,
        unscheduled(r"unbound immediate PersistentVolumeClaims"),
        "{quote}",
        "look at the claim's events (`kubectl describe pvc`): its StorageClass gives no volume",
    ),
    Detector(
        Reason.UNSCHEDULABLE,
        unscheduled(r"Insufficient (cpu|memory|ephemeral-storage)"),
        "{quote}",
        "lower resources, or add nodes",
    ),
    Detector(
        Reason.UNSCHEDULABLE,
        unscheduled(r"untolerated taint|node affinity|node selector|anti-affinity|topology spread"),
        "{quote}",
        "change nodeSelector, affinity, tolerations or topologySpreadConstraints, or add nodes that fit them",
    ),
    Detector(Reason.UNSCHEDULABLE, unscheduled(""), "{quote}"),
)
