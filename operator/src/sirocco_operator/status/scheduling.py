"""Detectors for pods that the scheduler cannot place."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sirocco_operator.api.v1alpha1 import Device
from sirocco_operator.status import nodes, pods
from sirocco_operator.status.detector import Detect, Detector
from sirocco_operator.status.messages import enumerated
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import Manifest
from sirocco_operator.status.reasons import Reason

# The scheduler adds what came of its try to make room for the pod.
AFTERTHOUGHT = re.compile(r"\.? (no new claims to deallocate|preemption:).*|\. not found\.?$", re.DOTALL)
# Holders of GPUs, and cordoned nodes, that a sentence names.
NAMED = 3
NO_NODE = "no node takes the pod; the scheduler says: {quote}"


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
    usage: nodes.Usage | None = field(default=None)

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
            "usage": _usage_text(self.usage),
            "advice": _advice(self),
        }


def cordoned(state: ModelState) -> Mapping[str, str] | None:
    """Detects that every node that could take the pod is cordoned."""
    for pod, quote in unschedulable(state):
        if "were unschedulable" not in quote or _has_open_node(state, pod):
            continue
        closed = [
            nodes.name(node)
            for node in _able(state, pod)
            if nodes.is_cordoned(node) and not nodes.repelling_taints(node, pod)
        ]
        if closed:
            are = "node {} is" if len(closed) == 1 else "nodes {} are"
            return {"nodes": are.format(enumerated(closed, NAMED)), "node": closed[0]}
    return None


def tainted(state: ModelState) -> Mapping[str, str] | None:
    """Detects that every node that could take the pod has a taint that the pod does not tolerate."""
    for pod, quote in unschedulable(state):
        if "untolerated taint" not in quote or _has_open_node(state, pod):
            continue
        closed = [(node, nodes.repelling_taints(node, pod)) for node in _able(state, pod)]
        # The node that takes the fewest tolerations; one that is in a bad state comes last.
        ranked = sorted(
            (any(map(nodes.is_state, taints)), len(taints), nodes.name(node), taints)
            for node, taints in closed
            if taints
        )
        if not ranked:
            continue
        in_bad_state, _, node, taints = ranked[0]
        texts = enumerated([nodes.taint_text(taint) for taint in taints], NAMED)
        if in_bad_state:
            advice = f"see what is wrong with the node: kubectl describe node {node}"
        else:
            wanted = ", ".join(map(nodes.toleration_text, taints))
            advice = f"add {wanted} to the model's tolerations, or remove the taint from the node"
        return {"node": node, "taints": texts, "advice": advice}
    return None


def no_node_selected(state: ModelState) -> Mapping[str, str] | None:
    """Detects that no node has the labels that the pod's nodeSelector asks for."""
    for pod, _ in unschedulable(state):
        selector = (pod.get("spec") or {}).get("nodeSelector") or {}
        known = state.observed.nodes
        if selector and known and not any(nodes.has_labels(node, pod) for node in known):
            labels = [f"{key}={value}" for key, value in sorted(selector.items())]
            return {"labels": enumerated(labels, len(labels)), "label": " ".join(labels)}
    return None


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
    """Detects an unschedulable pod whose scheduler message matches the pattern.

    The pattern's named groups are values of placeholders.
    """
    wanted = re.compile(pattern)

    def detect(state: ModelState) -> Mapping[str, str] | None:
        for _, quote in unschedulable(state):
            if found := wanted.search(quote):
                return {"quote": quote, **found.groupdict()}
        return None

    return detect


def unschedulable(state: ModelState) -> Iterator[tuple[Manifest, str]]:
    """Pods that no node takes, each with the scheduler's message."""
    for pod in state.unready_pods:
        if pods.is_unschedulable(pod):
            quote = str(pods.condition(pod, "PodScheduled").get("message", ""))
            yield pod, AFTERTHOUGHT.sub("", quote)


def _shortage(state: ModelState) -> Shortage | None:
    resource = state.model.spec.gpu_resource
    if state.model.spec.device is not Device.GPU:
        return None
    insufficient = re.compile(rf"(\d+) Insufficient {re.escape(resource)}(?!\.?[\w/-])")
    for pod, quote in unschedulable(state):
        if found := insufficient.search(quote):
            known = state.observed.nodes
            capacities = (
                tuple(nodes.gpus(node, resource) for node in known if nodes.allows(node, pod))
                if known
                else None
            )
            usage = nodes.best_usage(
                nodes.candidates(known, pod, resource),
                state.observed.gpu_holders,
                resource,
                (state.namespace, state.model.metadata.name),
            )
            wanted = pods.requested(pod, resource)
            return Shortage(wanted, resource, capacities, int(found.group(1)), quote, usage)
    return None


def _able(state: ModelState, pod: Manifest) -> Iterator[Manifest]:
    """Nodes with the pod's labels and enough GPUs, free or not, whether they take pods or not."""
    resource = state.model.spec.gpu_resource
    wanted = pods.requested(pod, resource)
    for node in sorted(state.observed.nodes, key=nodes.name):
        if nodes.has_labels(node, pod) and nodes.gpus(node, resource) >= wanted:
            yield node


def _has_open_node(state: ModelState, pod: Manifest) -> bool:
    return any(nodes.allows(node, pod) for node in _able(state, pod))


def _usage_text(usage: nodes.Usage | None) -> str:
    if usage is None:
        return "other pods hold them"
    held = [f"{holder.title} holds {holder.gpus}" for holder in usage.holders]
    return f"node {usage.node} has {usage.free} of {usage.gpus} free ({enumerated(held, NAMED)})"


def _advice(shortage: Shortage) -> str:
    """Whom to stop, and how many GPUs would be free then."""
    usage = shortage.usage
    if usage is not None:
        for holder in reversed(usage.holders):
            free = usage.free + holder.gpus
            if free >= shortage.wanted and not holder.is_own:
                return f"add nodes, or stop {holder.title} ({free} would be free then)"
    return "add nodes, or stop something that uses GPUs"


DETECTORS = (
    Detector(
        Reason.UNSCHEDULABLE,
        cordoned,
        "{nodes} cordoned, and no other node can take the pod",
        "uncordon it when it may take pods again: kubectl uncordon {node}",
    ),
    Detector(
        Reason.UNSCHEDULABLE,
        tainted,
        "node {node} has the taint {taints}, which the pod does not tolerate, and no other node can take it",
        "{advice}",
    ),
    Detector(
        Reason.UNSCHEDULABLE,
        no_node_selected,
        "no node has the labels {labels}, which nodeSelector asks for",
        "correct nodeSelector, or label a node: kubectl label node NODE {label}",
    ),
    Detector(
        Reason.INSUFFICIENT_GPU,
        no_node_has_gpus,
        "the pod needs {wanted} {resource} on one node, and no node that it may use has any",
        "add GPU nodes with their device plugin, correct gpuResource or nodeSelector, or set device: cpu",
    ),
    Detector(
        Reason.INSUFFICIENT_GPU,
        no_node_has_enough_gpus,
        "the pod needs {wanted} {resource} on one node, and the largest node has {largest}",
    ),
    Detector(
        Reason.WAITING_FOR_GPU,
        gpus_in_use,
        "the pod needs {wanted} free {resource} on one node, and {usage}",
        "{advice}",
    ),
    Detector(
        Reason.WAITING_FOR_GPU,
        gpus_short,
        "the pod needs {wanted} free {resource} on one node; the scheduler says: {scheduler_message}",
        "lower tensorParallel, add nodes, or stop something that uses GPUs",
    ),
    Detector(
        Reason.UNSCHEDULABLE,
        unscheduled(r"Insufficient (?P<short>cpu|memory|ephemeral-storage)"),
        NO_NODE,
        "lower {short} in resources, or add nodes",
    ),
    Detector(
        Reason.UNSCHEDULABLE,
        unscheduled(r"untolerated taint|node affinity|node selector|anti-affinity|topology spread"),
        NO_NODE,
        "change nodeSelector, affinity, tolerations or topologySpreadConstraints, or add nodes that fit them",
    ),
    Detector(Reason.UNSCHEDULABLE, unscheduled(""), NO_NODE),
)
