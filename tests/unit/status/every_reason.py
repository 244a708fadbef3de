"""For each reason of the catalogue, an observation that gives it, and what kstatus should say of it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.status.compute import compute, invalid
from sirocco_operator.status.observed import Observed, Refusal, RefusalCause
from sirocco_operator.status.reasons import Reason
from tests.unit.status import cluster

MODEL: Final = cluster.model()
SHORT_OF_GPUS: Final = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."


class Case(NamedTuple):
    """A model and what is observed of it."""

    model: InferenceModel
    observed: Observed


def _case(*pods: dict[str, Any], of: InferenceModel = MODEL, **observed: Any) -> Case:
    return Case(of, Observed(pods=pods, **({"deployment": cluster.deployment()} | observed)))


def _pod() -> dict[str, Any]:
    return cluster.pod(MODEL)


def _old() -> dict[str, Any]:
    return cluster.ready(MODEL, "old", cluster.OLD)


def _with_event(pod: dict[str, Any], reason: str, message: str) -> Case:
    return _case(pod, events=[cluster.event(pod, reason, message)])


def _crash(log: str, container: str = "vllm", **ended: Any) -> Case:
    return _case(cluster.crashed(_pod(), log, container, **ended))


def _waits(reason: str, message: str = "") -> Case:
    return _case(cluster.waiting(_pod(), "vllm", reason, message))


def _refused(cause: RefusalCause, message: str = "") -> Case:
    return _case(refusals=[Refusal(cause, "Deployment", "mistral", message)])


def _denied(message: str) -> Case:
    return _case(deployment=cluster.deployment(failure=message))


def _unscheduled(message: str, gpus: int) -> Case:
    return _case(cluster.unscheduled(MODEL, message), nodes=[cluster.node("a", gpus)])


STARTED: Final = cluster.running(_pod(), "vllm", started=True)
STOPPED: Final = cluster.model({"replicas": 0})
# All but those that no observation shows: InvalidSpec, and ProgressDeadlineExceeded, which takes time.
CASES: Final[Mapping[Reason, Case]] = {
    Reason.RECONCILE_FAILED: _refused(RefusalCause.FAILED, "no answer within 12 s"),
    Reason.NAME_CONFLICT: _refused(RefusalCause.NAME_CONFLICT),
    Reason.IMAGE_VOLUMES_UNSUPPORTED: _refused(RefusalCause.IMAGE_VOLUMES_UNSUPPORTED),
    Reason.QUOTA_EXCEEDED: _denied('pods "x" is forbidden: exceeded quota: gpus'),
    Reason.SERVICE_ACCOUNT_MISSING: _denied(
        'pods "x" is forbidden: error looking up service account default/x: serviceaccount "x" not found'
    ),
    Reason.CHILD_REJECTED: _refused(RefusalCause.REJECTED, "denied by a policy"),
    Reason.UPDATING: _case(_old(), deployment=cluster.deployment(seen=False)),
    Reason.STOPPING: _case(cluster.terminating(cluster.ready(STOPPED)), of=STOPPED),
    Reason.STOPPED: _case(of=STOPPED),
    Reason.IMAGE_PULL: _waits("ImagePullBackOff", "manifest unknown"),
    Reason.IMAGE_LACKS_SERVING_LAYER: _crash("No module named sirocco_serving"),
    Reason.IMAGE_RUNS_AS_ROOT: _waits("CreateContainerConfigError", "container has runAsNonRoot"),
    Reason.SECRET_MISSING: _waits("CreateContainerConfigError", 'secret "hf-token" not found'),
    Reason.VOLUME_MISSING: _with_event(_pod(), "FailedMount", "volume is not there"),
    Reason.CONTAINER_NOT_CREATED: _waits("CreateContainerError", "no such device"),
    Reason.NODE_NOT_READY: _with_event(STARTED, "NodeNotReady", "Node is not ready"),
    Reason.DOWNLOAD_FAILED: _crash("sirocco download: no-network: the hub does not answer", "download"),
    Reason.OUT_OF_MEMORY: _crash("", reason="OOMKilled"),
    Reason.STARTUP_TIMEOUT: _case(
        pod := cluster.crashed(_pod()),
        events=[cluster.event(pod, "Killing", "Container vllm failed startup probe, will be restarted")],
    ),
    Reason.PODS_UNHEALTHY: _with_event(STARTED, "Unhealthy", "Readiness probe failed: timeout"),
    Reason.SERVING_SETTINGS_INVALID: _crash("sirocco serving: config: no such field"),
    Reason.KV_CACHE_TOO_SMALL: _crash("ValueError: No available memory for the cache blocks."),
    Reason.OUT_OF_GPU_MEMORY: _crash("torch.OutOfMemoryError: CUDA out of memory."),
    Reason.GPU_UNAVAILABLE: _crash("RuntimeError: No CUDA GPUs are available"),
    Reason.GPU_FAULT: _crash("RuntimeError: NCCL error: unhandled system error"),
    Reason.UNKNOWN_ARGUMENT: _crash("vllm: error: unrecognized arguments: --nonsense"),
    Reason.REMOTE_CODE_REFUSED: _crash("ValueError: set `trust_remote_code=True`"),
    Reason.MODEL_UNSUPPORTED: _crash("ValueError: Model architectures ['X'] are not supported for now."),
    Reason.MODEL_FILES_INVALID: _crash("RuntimeError: Cannot find any model weights with `/models`"),
    Reason.ENGINE_SETTING_REFUSED: _crash("ValueError: heads must be divisible by tensor parallel size 3"),
    Reason.ENGINE_CRASHED: _crash("KeyError: 1"),
    Reason.REPLACING: _case(
        cluster.terminating(cluster.ready(MODEL, "a", cluster.OLD)),
        cluster.unscheduled(MODEL, SHORT_OF_GPUS),
        nodes=[cluster.node("a", 1)],
    ),
    Reason.ROLLOUT_NEEDS_GPU: _case(
        _old(), cluster.unscheduled(MODEL, SHORT_OF_GPUS), nodes=[cluster.node("a", 1)]
    ),
    Reason.INSUFFICIENT_GPU: _unscheduled(SHORT_OF_GPUS, gpus=0),
    Reason.WAITING_FOR_GPU: _unscheduled(SHORT_OF_GPUS, gpus=1),
    Reason.UNSCHEDULABLE: _unscheduled("0/1 nodes are available: 1 Insufficient cpu.", gpus=1),
    Reason.ROLLED_BACK: _case(cluster.ready(MODEL), taken_back="EngineCrashed: exit code 1"),
    Reason.ROLLING_OUT: _case(_old(), _pod()),
    Reason.DOWNLOADING: _case(cluster.running(_pod(), "download")),
    Reason.EVICTED: _case(cluster.evicted(MODEL, "The node was low on memory."), _pod()),
    Reason.LOADING: _case(cluster.running(_pod(), "vllm")),
    Reason.PULLING_IMAGE: _with_event(
        cluster.waiting(_pod(), "vllm", "ContainerCreating"), "Pulling", 'Pulling image "x"'
    ),
    Reason.STARTING: _case(_pod()),
    Reason.UPDATE_PENDING: _case(cluster.ready(MODEL), update_pending="it is number 1 of 1 in the queue"),
    Reason.READY: _case(cluster.ready(MODEL)),
}

CURRENT, ON_THE_WAY, FAILED = "Current", "InProgress", "Failed"

# At first, and once the startup budget is used up and nothing has changed.
SAID: Final[Mapping[Reason, tuple[str, str]]] = {
    Reason.INVALID_SPEC: (FAILED, FAILED),
    Reason.RECONCILE_FAILED: (ON_THE_WAY, FAILED),
    Reason.NAME_CONFLICT: (FAILED, FAILED),
    Reason.IMAGE_VOLUMES_UNSUPPORTED: (FAILED, FAILED),
    Reason.QUOTA_EXCEEDED: (ON_THE_WAY, FAILED),
    Reason.SERVICE_ACCOUNT_MISSING: (ON_THE_WAY, FAILED),
    Reason.CHILD_REJECTED: (FAILED, FAILED),
    # Those that go on by themselves become ProgressDeadlineExceeded.
    Reason.UPDATING: (ON_THE_WAY, FAILED),
    Reason.STOPPING: (ON_THE_WAY, FAILED),
    Reason.STOPPED: (CURRENT, CURRENT),
    Reason.IMAGE_PULL: (ON_THE_WAY, FAILED),
    Reason.IMAGE_LACKS_SERVING_LAYER: (FAILED, FAILED),
    Reason.IMAGE_RUNS_AS_ROOT: (FAILED, FAILED),
    Reason.SECRET_MISSING: (ON_THE_WAY, FAILED),
    Reason.VOLUME_MISSING: (ON_THE_WAY, FAILED),
    Reason.CONTAINER_NOT_CREATED: (ON_THE_WAY, FAILED),
    Reason.NODE_NOT_READY: (ON_THE_WAY, FAILED),
    Reason.DOWNLOAD_FAILED: (ON_THE_WAY, FAILED),
    Reason.OUT_OF_MEMORY: (ON_THE_WAY, FAILED),
    Reason.STARTUP_TIMEOUT: (FAILED, FAILED),
    Reason.PODS_UNHEALTHY: (ON_THE_WAY, FAILED),
    Reason.SERVING_SETTINGS_INVALID: (FAILED, FAILED),
    Reason.KV_CACHE_TOO_SMALL: (FAILED, FAILED),
    Reason.OUT_OF_GPU_MEMORY: (ON_THE_WAY, FAILED),
    Reason.GPU_UNAVAILABLE: (ON_THE_WAY, FAILED),
    Reason.GPU_FAULT: (ON_THE_WAY, FAILED),
    Reason.UNKNOWN_ARGUMENT: (FAILED, FAILED),
    Reason.REMOTE_CODE_REFUSED: (FAILED, FAILED),
    Reason.MODEL_UNSUPPORTED: (FAILED, FAILED),
    Reason.MODEL_FILES_INVALID: (FAILED, FAILED),
    Reason.ENGINE_SETTING_REFUSED: (FAILED, FAILED),
    Reason.ENGINE_CRASHED: (ON_THE_WAY, FAILED),
    Reason.REPLACING: (ON_THE_WAY, FAILED),
    Reason.ROLLOUT_NEEDS_GPU: (ON_THE_WAY, FAILED),
    Reason.INSUFFICIENT_GPU: (ON_THE_WAY, FAILED),
    Reason.WAITING_FOR_GPU: (ON_THE_WAY, FAILED),
    Reason.UNSCHEDULABLE: (ON_THE_WAY, FAILED),
    Reason.PROGRESS_DEADLINE_EXCEEDED: (FAILED, FAILED),
    Reason.ROLLED_BACK: (FAILED, FAILED),
    Reason.ROLLING_OUT: (ON_THE_WAY, FAILED),
    # A download ends itself when no byte comes, and the startup probe an engine that loads for too long.
    Reason.DOWNLOADING: (ON_THE_WAY, ON_THE_WAY),
    Reason.LOADING: (ON_THE_WAY, ON_THE_WAY),
    Reason.EVICTED: (ON_THE_WAY, FAILED),
    Reason.PULLING_IMAGE: (ON_THE_WAY, FAILED),
    Reason.STARTING: (ON_THE_WAY, FAILED),
    Reason.UPDATE_PENDING: (CURRENT, CURRENT),
    Reason.READY: (CURRENT, CURRENT),
}


BUDGET = cluster.model().spec.startup.budget_seconds


def statuses(reason: Reason) -> tuple[dict[str, Any], dict[str, Any]]:
    """The status with that reason, and the one after the startup budget."""
    later = (datetime.fromisoformat(cluster.NOW) + timedelta(seconds=BUDGET)).isoformat()
    if reason is Reason.INVALID_SPEC:
        first = invalid({"generation": 3}, "spec.model: field required", [], {}, cluster.NOW)
        return first, invalid({"generation": 3}, "spec.model: field required", [], first, later)
    overdue = reason is Reason.PROGRESS_DEADLINE_EXCEEDED
    case = CASES[Reason.STARTING if overdue else reason]
    first = compute(*case, {}, cluster.NOW)
    second = compute(*case, first, later)
    return (second, compute(*case, second, later)) if overdue else (first, second)
