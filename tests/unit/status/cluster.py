"""Objects as a cluster's API server, scheduler and kubelet (1.35) write them."""

from collections.abc import Mapping
from typing import Any

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.labels import REVISION_LABEL
from sirocco_operator.children.pod.template import pod_template
from sirocco_operator.settings import Settings
from sirocco_operator.status.compute import compute
from sirocco_operator.status.observed import Observed

CREATED = "2026-11-23T20:49:42Z"
NOW = "2026-11-23T20:55:00Z"
OLD, NEW = "5d8c7f9b6c", "7f99ff5f67"
NODE_WITH_GPUS = "gpu-node-1"


def model(spec: Mapping[str, Any] | None = None) -> InferenceModel:
    """An InferenceModel of hf:// weights named mistral, with other fields of its spec as given."""
    fields = {"model": {"uri": "hf://mistralai/Mistral-7B"}, **(spec or {})}
    metadata = {"name": "mistral", "namespace": "default", "uid": "4f1c", "generation": 3}
    return InferenceModel.model_validate({"metadata": metadata, "spec": fields})


def pod(
    of: InferenceModel, suffix: str = "x2k4p", revision: str = NEW, node: str | None = NODE_WITH_GPUS
) -> dict[str, Any]:
    """A pod of that model on a node, its containers not started."""
    template = pod_template(of, Settings())
    name = f"{of.metadata.name}-{revision}-{suffix}"
    labels = {**template["metadata"]["labels"], REVISION_LABEL: revision}
    conditions = [
        {"type": "PodScheduled", "status": "True"},
        {"type": "Ready", "status": "False", "reason": "ContainersNotReady"},
    ]
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "labels": labels,
            "creationTimestamp": CREATED,
        },
        "spec": {**template["spec"], **({"nodeName": node} if node else {})},
        "status": {"phase": "Pending", "conditions": conditions if node else []},
    }


def unscheduled(
    of: InferenceModel, message: str, suffix: str = "x2k4p", revision: str = NEW
) -> dict[str, Any]:
    """A pod that no node takes, with the scheduler's message."""
    result = pod(of, suffix, revision, node=None)
    result["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    ]
    return result


def with_container(
    of: dict[str, Any],
    name: str,
    state: Mapping[str, Any],
    last: Mapping[str, Any] | None = None,
    *,
    started: bool = False,
) -> dict[str, Any]:
    """The pod with the status of one more container."""
    is_init = any(container["name"] == name for container in of["spec"].get("initContainers", ()))
    entry = {
        "name": name,
        "ready": False,
        "started": started,
        "restartCount": int(last is not None),
        "state": dict(state),
        "lastState": dict(last or {}),
    }
    of["status"].setdefault("initContainerStatuses" if is_init else "containerStatuses", []).append(entry)
    return of


def waiting(of: dict[str, Any], name: str, reason: str, message: str = "") -> dict[str, Any]:
    """The pod with a container that waits."""
    return with_container(of, name, {"waiting": {"reason": reason, "message": message}})


def running(of: dict[str, Any], name: str, *, started: bool = False) -> dict[str, Any]:
    """The pod with a container that runs; `started`: it has passed its startup probe."""
    return with_container(of, name, {"running": {"startedAt": CREATED}}, started=started)


def end(
    message: str = "", exit_code: int = 1, reason: str = "Error", started_at: str = "2026-11-23T20:50:00Z"
) -> dict[str, Any]:
    """The state of a container that ended."""
    return {
        "terminated": {
            "exitCode": exit_code,
            "reason": reason,
            "message": message,
            "startedAt": started_at,
            "finishedAt": "2026-11-23T20:50:30Z",
        }
    }


def crashed(
    of: dict[str, Any], message: str = "", name: str = "vllm", exit_code: int = 1, reason: str = "Error"
) -> dict[str, Any]:
    """The pod with a container that crashed and waits to be restarted."""
    back_off = {
        "waiting": {
            "reason": "CrashLoopBackOff",
            "message": f"back-off 10s restarting failed container={name}",
        }
    }
    return with_container(of, name, back_off, end(message, exit_code, reason))


def ready(of: InferenceModel, suffix: str = "x2k4p", revision: str = NEW) -> dict[str, Any]:
    """A pod that serves."""
    result = running(pod(of, suffix, revision), "vllm", started=True)
    result["status"].update(phase="Running", conditions=[{"type": "Ready", "status": "True"}])
    return result


def terminating(of: dict[str, Any]) -> dict[str, Any]:
    """The pod while it is being deleted."""
    of["metadata"]["deletionTimestamp"] = NOW
    return of


def evicted(of: InferenceModel, message: str, at: str = CREATED) -> dict[str, Any]:
    """A pod that the kubelet threw out at that time."""
    result = pod(of, "gone1")
    failed = {"type": "Ready", "status": "False", "reason": "PodFailed", "lastTransitionTime": at}
    result["status"] = {"phase": "Failed", "reason": "Evicted", "message": message, "conditions": [failed]}
    return result


def event(of: dict[str, Any], reason: str, message: str, at: str = "2026-11-23T20:50:30Z") -> dict[str, Any]:
    """An event about the pod."""
    return {
        "involvedObject": {"kind": "Pod", "name": of["metadata"]["name"]},
        "metadata": {"creationTimestamp": at},
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
    }


def node(
    name: str,
    gpus: int,
    labels: Mapping[str, str] | None = None,
    taint: str | None = None,
    *,
    cordoned: bool = False,
) -> dict[str, Any]:
    """A node with that many nvidia.com/gpu, and a NoSchedule taint of that `key` or `key=value`."""
    amount = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    taints = []
    if taint:
        key, _, value = taint.partition("=")
        taints.append({"key": key, "effect": "NoSchedule", **({"value": value} if value else {})})
    if cordoned:
        taints.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    return {
        "metadata": {"name": name, "labels": dict(labels or {})},
        "spec": {
            **({"taints": taints} if taints else {}),
            **({"unschedulable": True} if cordoned else {}),
        },
        "status": {"allocatable": {"cpu": "16", "memory": "64Gi", **amount}},
    }


def holder(of: str, node: str, gpus: int, *, is_model: bool = False) -> dict[str, Any]:
    """A pod, `namespace/name` or one of the model of that name, that holds GPUs of a node."""
    namespace, name = of.split("/")
    labels = {"app.kubernetes.io/managed-by": "sirocco-operator", "inference.sirocco.dev/model": name}
    limits = {"nvidia.com/gpu": str(gpus)}
    return {
        "metadata": {
            "namespace": namespace,
            "name": f"{name}-5d8c7f9b6c-abcde" if is_model else name,
            "labels": labels if is_model else {},
        },
        "spec": {"nodeName": node, "containers": [{"resources": {"limits": limits}}]},
        "status": {"phase": "Running"},
    }


def deployment(
    revision: str = NEW,
    progressing: str = "is progressing.",
    failure: str | None = None,
    *,
    seen: bool = True,
) -> dict[str, Any]:
    """The Deployment, which has that revision; `failure`: why it cannot make pods."""
    timed_out = "timed out" in progressing
    conditions = [
        {
            "type": "Progressing",
            "status": str(not timed_out),
            "reason": "ProgressDeadlineExceeded" if timed_out else "ReplicaSetUpdated",
            "message": f'ReplicaSet "mistral-{revision}" {progressing}',
        }
    ]
    if failure:
        conditions.append(
            {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": failure}
        )
    return {
        "metadata": {"name": "mistral", "generation": 2},
        "spec": {"template": {"metadata": {"labels": {REVISION_LABEL: revision}}}},
        "status": {"observedGeneration": 2 if seen else 1, "replicas": 1, "conditions": conditions},
    }


def reason_and_message(of: InferenceModel, *pods: dict[str, Any], **observed: Any) -> tuple[str, str]:
    """The status's reason and message for these pods and everything else observed."""
    status = compute(of, Observed(pods=pods, **({"deployment": deployment()} | observed)), {}, NOW)
    return status["reason"], status["message"]
