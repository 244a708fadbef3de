"""The closed set of reasons: what each means, how it may end, and what a person can do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a model is as it is; the value is what `.status.reason` says."""

    INVALID_SPEC = "InvalidSpec"
    RECONCILE_FAILED = "ReconcileFailed"
    NAME_CONFLICT = "NameConflict"
    IMAGE_VOLUMES_UNSUPPORTED = "ImageVolumesUnsupported"
    QUOTA_EXCEEDED = "QuotaExceeded"
    SERVICE_ACCOUNT_MISSING = "ServiceAccountMissing"
    CHILD_REJECTED = "ChildRejected"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    IMAGE_PULL = "ImagePull"
    IMAGE_LACKS_SERVING_LAYER = "ImageLacksServingLayer"
    IMAGE_RUNS_AS_ROOT = "ImageRunsAsRoot"
    SECRET_MISSING = "SecretMissing"  # noqa: S105 - a reason's name
    VOLUME_MISSING = "VolumeMissing"
    CONTAINER_NOT_CREATED = "ContainerNotCreated"
    NODE_NOT_READY = "NodeNotReady"
    DOWNLOAD_FAILED = "DownloadFailed"
    OUT_OF_MEMORY = "OutOfMemory"
    STARTUP_TIMEOUT = "StartupTimeout"
    PODS_UNHEALTHY = "PodsUnhealthy"
    SERVING_SETTINGS_INVALID = "ServingSettingsInvalid"
    KV_CACHE_TOO_SMALL = "KVCacheTooSmall"
    OUT_OF_GPU_MEMORY = "OutOfGPUMemory"
    GPU_UNAVAILABLE = "GPUUnavailable"
    GPU_FAULT = "GPUFault"
    UNKNOWN_ARGUMENT = "UnknownArgument"
    REMOTE_CODE_REFUSED = "RemoteCodeRefused"
    MODEL_UNSUPPORTED = "ModelUnsupported"
    MODEL_FILES_INVALID = "ModelFilesInvalid"
    ENGINE_SETTING_REFUSED = "EngineSettingRefused"
    ENGINE_CRASHED = "EngineCrashed"
    ROLLED_BACK = "RolledBack"
    UPDATING = "Updating"
    REPLACING = "Replacing"
    ROLLOUT_NEEDS_GPU = "RolloutNeedsGPU"
    INSUFFICIENT_GPU = "InsufficientGPU"
    WAITING_FOR_GPU = "WaitingForGPU"
    UNSCHEDULABLE = "Unschedulable"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    EVICTED = "Evicted"
    ROLLING_OUT = "RollingOut"
    DOWNLOADING = "Downloading"
    LOADING = "Loading"
    PULLING_IMAGE = "PullingImage"
    STARTING = "Starting"
    UPDATE_PENDING = "UpdatePending"
    READY = "Ready"


class Stage(StrEnum):
    """How a reason may end: what decides between the conditions Reconciling and Stalled."""

    SETTLED = "settled"  # as the spec asks
    WORKING = "working"  # goes on by itself; stalled when nothing moves for the startup budget
    WAITING = "waiting"  # may end by itself; stalled once the startup budget is used up
    RETRYING = "retrying"  # as waiting; stalled also after three failed starts
    FAILED = "failed"  # somebody must change something: stalled at once


@dataclass(frozen=True)
class Meaning:
    """What a reason means and what to do about it; an empty fix means nothing to do."""

    stage: Stage
    meaning: str
    fix: str = ""


LOGS = "see `kubectl logs -c vllm` of the pod, with --previous after a restart"

MEANINGS: dict[Reason, Meaning] = {
    Reason.INVALID_SPEC: Meaning(
        Stage.FAILED,
        "The stored resource does not fit this operator's schema; its children are left as they are.",
        "correct the fields that the message names, and install the CRD of this operator's version",
    ),
    Reason.RECONCILE_FAILED: Meaning(
        Stage.WAITING,
        "The operator does not get to the end of its work on the model; it tries again within 5 minutes.",
        "remove the cause that the message names, or look for the model's name in the operator's log",
    ),
    Reason.NAME_CONFLICT: Meaning(
        Stage.FAILED,
        "An object that the model would need has its name and belongs to somebody else; it is not touched.",
        "rename the model, or delete that object",
    ),
    Reason.IMAGE_VOLUMES_UNSUPPORTED: Meaning(
        Stage.FAILED,
        "The cluster cannot mount images as volumes.",
        "use Kubernetes 1.35 with containerd 2.1 or later (or turn the ImageVolume feature gate on), "
        "or serve from hf:// or pvc://",
    ),
    Reason.QUOTA_EXCEEDED: Meaning(
        Stage.WAITING,
        "A ResourceQuota of the namespace does not allow the pods.",
        "raise the quota, or lower replicas or resources",
    ),
    Reason.SERVICE_ACCOUNT_MISSING: Meaning(
        Stage.WAITING,
        "The pods' ServiceAccount does not exist.",
        "create it, or correct serviceAccountName",
    ),
    Reason.CHILD_REJECTED: Meaning(
        Stage.FAILED,
        "The API server, a policy or a webhook refused an object or a pod of the model.",
        "change what it complains of, or the policy",
    ),
    Reason.STOPPING: Meaning(Stage.WORKING, "No replicas are wanted; pods finish the requests in flight."),
    Reason.STOPPED: Meaning(Stage.SETTLED, "No replicas are wanted.", "set replicas to 1 or more to serve"),
    Reason.IMAGE_PULL: Meaning(
        Stage.WAITING,
        "An image cannot be pulled: its name is wrong, it is not there, or the registry refuses it.",
        "correct engine.image (or model.uri for oci://) or imagePullSecrets, or make the registry reachable",
    ),
    Reason.IMAGE_LACKS_SERVING_LAYER: Meaning(
        Stage.FAILED,
        "engine.image is stock vLLM, or no vLLM at all: Sirocco's serving layer is not in it.",
        "leave engine.image out, or build ours over it (serving/Dockerfile, build argument BASE)",
    ),
    Reason.IMAGE_RUNS_AS_ROOT: Meaning(
        Stage.FAILED,
        "The image names no numeric user other than root.",
        "use a serving image with a numeric USER, or set podSecurityContext.runAsUser",
    ),
    Reason.SECRET_MISSING: Meaning(
        Stage.WAITING,
        "A Secret that the pods need does not exist, or lacks a key.",
        "create it in the model's namespace, or correct model.secretName, access.keysSecretName, "
        "tracing.headersSecretName, volumes or imagePullSecrets",
    ),
    Reason.VOLUME_MISSING: Meaning(
        Stage.WAITING,
        "A volume of the pods cannot be mounted, or its claim does not exist.",
        "create it in the model's namespace, or correct model.uri, cache.claimName or volumes",
    ),
    Reason.CONTAINER_NOT_CREATED: Meaning(
        Stage.WAITING,
        "The node cannot create a container of the pod.",
        "correct the field that the message names; if none is yours, look at the node's container runtime",
    ),
    Reason.NODE_NOT_READY: Meaning(
        Stage.WAITING,
        "The node of a pod that served does not answer. Kubernetes replaces the pod once its tolerations "
        "allow it: after five minutes, where they say nothing else.",
        "bring the node back, or delete it if it is gone for good",
    ),
    Reason.DOWNLOAD_FAILED: Meaning(
        Stage.RETRYING,
        "The weights cannot be fetched: not found, gated, no space, or no network. It is tried again.",
        "see `kubectl logs -c download` of the pod",
    ),
    Reason.OUT_OF_MEMORY: Meaning(
        Stage.RETRYING,
        "The engine used more memory than its container may (/dev/shm counts too).",
        "raise resources.limits.memory",
    ),
    Reason.STARTUP_TIMEOUT: Meaning(
        Stage.FAILED,
        "The engine did not answer within startup.budgetSeconds and was killed.",
        "raise startup.budgetSeconds, use faster storage for the weights (cache.claimName, or oci://), or a "
        "smaller model; " + LOGS,
    ),
    Reason.PODS_UNHEALTHY: Meaning(
        Stage.RETRYING,
        "An engine that had come up fails its probes; the kubelet restarts it when it is dead.",
        LOGS,
    ),
    Reason.SERVING_SETTINGS_INVALID: Meaning(
        Stage.FAILED,
        "The serving layer refuses its settings file.",
        "use a serving image of this operator's version",
    ),
    Reason.KV_CACHE_TOO_SMALL: Meaning(
        Stage.FAILED,
        "Beside the weights there is no memory for the KV cache of the longest allowed prompt.",
        "lower engine.maxModelLen, raise engine.gpuMemoryUtilization or tensorParallel "
        "(VLLM_CPU_KVCACHE_SPACE in engine.env for device: cpu)",
    ),
    Reason.OUT_OF_GPU_MEMORY: Meaning(
        Stage.RETRYING,
        "The GPU's memory ran out.",
        "raise tensorParallel, lower engine.maxModelLen, engine.maxNumSeqs or engine.gpuMemoryUtilization, "
        "or choose quantized weights",
    ),
    Reason.GPU_UNAVAILABLE: Meaning(
        Stage.RETRYING,
        "The engine sees no GPU that it can use, or fewer than it was given.",
        "look at the node's driver and device plugin; device and engine.image must fit each other",
    ),
    Reason.GPU_FAULT: Meaning(
        Stage.RETRYING,
        "A GPU, or the link between GPUs, failed.",
        "if it comes again on the same node, drain the node and look at its GPUs; " + LOGS,
    ),
    Reason.UNKNOWN_ARGUMENT: Meaning(
        Stage.FAILED,
        "vLLM does not accept an argument.",
        "correct engine.args; `vllm serve --help=all` in the image lists what it takes",
    ),
    Reason.REMOTE_CODE_REFUSED: Meaning(
        Stage.FAILED,
        "The model needs Python code of its own repository, which is off.",
        "read that code, pin model.revision, then set engine.trustRemoteCode: true; or choose another model",
    ),
    Reason.MODEL_UNSUPPORTED: Meaning(
        Stage.FAILED,
        "This version of vLLM does not know the model's architecture.",
        "use a newer serving image (engine.image), or another model",
    ),
    Reason.MODEL_FILES_INVALID: Meaning(
        Stage.FAILED,
        "No complete model lies where model.uri points: config, weights or tokenizer is missing or damaged.",
        "correct model.uri, or put config.json, tokenizer and *.safetensors there, readable by the pod",
    ),
    Reason.ENGINE_SETTING_REFUSED: Meaning(
        Stage.FAILED,
        "A setting does not fit the model or the GPU.",
        "change the engine field that the message names",
    ),
    Reason.ENGINE_CRASHED: Meaning(
        Stage.RETRYING, "The engine ended for a cause that is not in this list; it is restarted.", LOGS
    ),
    Reason.UPDATING: Meaning(
        Stage.WORKING, "Kubernetes has not acted on the last change of the model's Deployment yet."
    ),
    Reason.ROLLED_BACK: Meaning(
        Stage.FAILED,
        "The pods of the last change could not start; the pods that served before are restored.",
        "correct the spec; or, where the cause lies outside of it and is repaired, try again with "
        "`kubectl annotate --overwrite imodel NAME inference.sirocco.dev/retry=$(date +%s)`",
    ),
    Reason.REPLACING: Meaning(
        Stage.WORKING, "A new pod waits for the GPUs of one that finishes its requests and then goes."
    ),
    Reason.ROLLOUT_NEEDS_GPU: Meaning(
        Stage.WAITING,
        "A rollout needs free GPUs for one more pod; the old pods serve meanwhile.",
        "set rollout.strategy: InPlace to free an old pod's GPUs first, or free GPUs",
    ),
    Reason.INSUFFICIENT_GPU: Meaning(
        Stage.WAITING,
        "No node has as many GPUs as a pod asks for, free or not.",
        "lower tensorParallel or add nodes",
    ),
    Reason.WAITING_FOR_GPU: Meaning(
        Stage.WAITING,
        "Nodes have enough GPUs, but other pods hold them.",
        "add nodes, or stop something that uses GPUs",
    ),
    Reason.UNSCHEDULABLE: Meaning(
        Stage.WAITING,
        "No node takes the pod, or a claim gives it no volume; the message names what is in the way.",
        "change the pod's fields, or add nodes that fit them",
    ),
    Reason.PROGRESS_DEADLINE_EXCEEDED: Meaning(
        Stage.FAILED,
        "Nothing has moved for the startup budget, and no other cause is seen.",
        "see `kubectl describe` of the model's Deployment and pods",
    ),
    Reason.EVICTED: Meaning(
        Stage.WORKING,
        "The node threw a pod out for using too much, and its replacement is starting.",
        "set resources.requests to what the engine uses, or choose nodes with more",
    ),
    Reason.ROLLING_OUT: Meaning(Stage.WORKING, "Pods of a new revision replace serving ones."),
    Reason.DOWNLOADING: Meaning(Stage.WORKING, "A pod fetches the model's weights."),
    Reason.LOADING: Meaning(Stage.WORKING, "The engine loads the weights and warms up."),
    Reason.PULLING_IMAGE: Meaning(Stage.WORKING, "A node pulls an image."),
    Reason.STARTING: Meaning(Stage.WORKING, "Pods are being created and scheduled."),
    Reason.UPDATE_PENDING: Meaning(
        Stage.SETTLED,
        "All wanted replicas serve, of the present spec; a newer operator makes their pods otherwise, and "
        "replaces them one model at a time.",
    ),
    Reason.READY: Meaning(Stage.SETTLED, "All wanted replicas serve, of the present spec."),
}
