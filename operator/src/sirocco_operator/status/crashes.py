"""Why the engine ended, from its container's termination message.

The patterns match messages of vLLM 0.32, taken from its source. The kubelet keeps the last 2 KiB of a failed
container's log unless the process wrote a termination message.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sirocco_operator.children.pod.template import ENGINE_CONTAINER
from sirocco_operator.status import pods
from sirocco_operator.status.detector import Detect, Detector
from sirocco_operator.status.messages import cause_line, log_lines
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import Manifest
from sirocco_operator.status.reasons import Reason

# vllm/config/model.py: the longest prompt that is asked for and the one in the model's config.json.
MAX_MODEL_LEN = (
    r"User-specified max_model_len \((?P<asked>\d+)\) is greater than the derived max_model_len "
    r"\(\w+=(?P<derived>[\d.]+|None) or model_max_length=(?P<tokenizer>[\d.]+|None)"
)
# vllm/v1/core/kv_cache_utils.py
KV_CACHE = (
    r"max seq len \((?P<asked>\d+)\), \((?P<needed>[\d.]+) GiB KV cache is needed, "
    r"which is larger than the available KV cache memory \((?P<free>-?[\d.]+) GiB\)"
)
ESTIMATE = re.compile(r"estimated maximum model length is (\d+)")
# vllm/v1/worker/utils.py
GPU_NOT_FREE = (
    r"Free memory on device \S+ \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on startup is less than desired "
    r"GPU "
    r"memory utilization \([\d.]+, (?P<wanted>[\d.]+) GiB\)"
)
# The exit code of a process that SIGKILL ended.
SIGKILLED = 137


def ended_engines(state: ModelState) -> Iterator[tuple[Manifest, Mapping[str, Any]]]:
    """Pods whose engine ended and has not started again since, each with its last termination."""
    for pod in state.unready_pods:
        ended = pods.termination(pod, ENGINE_CONTAINER)
        if ended and not pods.has_started(pod):
            yield pod, ended


def log_matches(pattern: str) -> Detect:
    """Detects an engine whose last log lines match the pattern; its named groups are placeholders' values."""
    wanted = re.compile(pattern)

    def detect(state: ModelState) -> Mapping[str, str] | None:
        for _, ended in ended_engines(state):
            for line in reversed(log_lines(str(ended.get("message", "")))):
                if found := wanted.search(line):
                    return {"line": line, **found.groupdict()}
        return None

    return detect


def max_model_len_too_large(state: ModelState) -> Mapping[str, str] | None:
    """Detects a longest prompt that the model was not made for, and finds the one that it was made for."""
    if (found := log_matches(MAX_MODEL_LEN)(state)) is None:
        return None
    # A file may name the length twice; vLLM takes the larger one.
    most = max(int(float(figure)) for figure in (found["derived"], found["tokenizer"]) if figure != "None")
    return {"asked": found["asked"], "most": str(most)}


def kv_cache_too_small(state: ModelState) -> Mapping[str, str] | None:
    """Detects a longest prompt whose KV cache does not fit, and finds what vLLM estimates to fit."""
    if (found := log_matches(KV_CACHE)(state)) is None:
        return None
    estimate = ESTIMATE.search(found["line"])
    fitting = f"{estimate.group(1)} or less" if estimate else "less"
    return {**found, "fitting": fitting}


def out_of_memory(state: ModelState) -> Mapping[str, str] | None:
    """Detects an engine that the kernel killed for its memory."""
    for pod, ended in ended_engines(state):
        if ended.get("reason") == "OOMKilled":
            return {"limit": _memory_of(pod)}
    return None


def killed_by_nobody(state: ModelState) -> Mapping[str, str] | None:
    """Detects an engine that ended by SIGKILL, of which only the kernel says nothing.

    The container runtime misses some of the kernel's kills: they then look like anybody's.
    """
    for pod, ended in ended_engines(state):
        if ended.get("exitCode") == SIGKILLED:
            return {"limit": _memory_of(pod)}
    return None


def _memory_of(pod: Manifest) -> str:
    limit = pods.memory_limit(pod)
    return f"its limit of {limit}" if limit else "what the node has"


def killed_by(probe: str) -> Detect:
    """Detects an engine that the kubelet killed because this probe failed."""

    def detect(state: ModelState) -> Mapping[str, str] | None:
        for pod, ended in ended_engines(state):
            since = str(ended.get("startedAt") or "")[:19]
            for event in state.events_of(pod):
                is_kill = event.get("reason") == "Killing" and f"failed {probe} probe" in str(
                    event.get("message")
                )
                if is_kill and _happened(event) >= since:
                    return {"budget": f"{state.model.spec.startup.budget_seconds} s"}
        return None

    return detect


def crashed(state: ModelState) -> Mapping[str, str] | None:
    """Detects any other end of the engine."""
    for _, ended in ended_engines(state):
        line = cause_line(str(ended.get("message", "")))
        return {"line": f"exit code {ended.get('exitCode', 0)}{': ' if line else ''}{line}"}
    return None


def stopped_answering(state: ModelState) -> Mapping[str, str] | None:
    """Detects an engine that started and then failed its readiness probe."""
    for pod in state.unready_pods:
        if not pods.has_started(pod):
            continue
        running = (pods.container_status(pod, ENGINE_CONTAINER).get("state") or {})["running"]
        since = str(running.get("startedAt") or "")[:19]
        for event in reversed(state.events_of(pod)):
            quote = str(event.get("message", ""))
            if event.get("reason") != "Unhealthy" or not quote.startswith("Readiness probe failed"):
                continue
            # The run before this one failed it, too, when it ended.
            if _happened(event) >= since:
                return {"quote": quote}
    return None


def _happened(event: Manifest) -> str:
    """When an event happened last, to the second."""
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")[:19]


VLLM_SAYS = "the engine ended; vLLM says: {line}"

DETECTORS = (
    Detector(
        Reason.OUT_OF_MEMORY, out_of_memory, "the kernel killed the engine for using more memory than {limit}"
    ),
    Detector(
        Reason.STARTUP_TIMEOUT,
        killed_by("startup"),
        "the engine was not ready within its startup budget of {budget} (startup.budgetSeconds)",
    ),
    Detector(Reason.PODS_UNHEALTHY, killed_by("liveness"), "the engine stopped answering and was killed"),
    Detector(
        Reason.SERVING_SETTINGS_INVALID,
        log_matches(r"sirocco serving: config: (?P<problem>.+)"),
        "the serving layer refuses its settings: {problem}",
    ),
    Detector(
        Reason.KV_CACHE_TOO_SMALL,
        kv_cache_too_small,
        "one request of {asked} tokens needs a KV cache of {needed} GiB, and {free} GiB are free for it",
        "set engine.maxModelLen to {fitting}, or raise engine.gpuMemoryUtilization or tensorParallel "
        "(VLLM_CPU_KVCACHE_SPACE in engine.env for device: cpu)",
    ),
    # Another version may word it otherwise.
    Detector(
        Reason.KV_CACHE_TOO_SMALL,
        log_matches(r"KV cache is needed, which is larger than the available"),
        "the KV cache of the longest allowed prompt does not fit into the memory that is free for it",
    ),
    Detector(
        Reason.KV_CACHE_TOO_SMALL,
        log_matches(r"No available memory for the cache blocks"),
        "the weights leave no memory for the KV cache",
        "raise tensorParallel or engine.gpuMemoryUtilization, or choose quantized weights "
        "(VLLM_CPU_KVCACHE_SPACE in engine.env for device: cpu)",
    ),
    Detector(
        Reason.OUT_OF_GPU_MEMORY,
        log_matches(GPU_NOT_FREE),
        "the GPU has {free} of {total} GiB free, and the engine wants {wanted} GiB",
        "something else uses this GPU: free it, or lower engine.gpuMemoryUtilization",
    ),
    Detector(
        Reason.OUT_OF_GPU_MEMORY,
        log_matches(r"Free memory on device .* less than"),
        VLLM_SAYS,
        "something else uses this GPU: free it, or lower engine.gpuMemoryUtilization",
    ),
    Detector(
        Reason.OUT_OF_GPU_MEMORY,
        log_matches(r"OutOfMemoryError|(CUDA|HIP|XPU)( error:)? out of memory"),
        VLLM_SAYS,
    ),
    Detector(
        Reason.GPU_UNAVAILABLE,
        log_matches(
            r"larger than the number of available GPUs|Failed to infer device type|No CUDA GPUs are available"
            r"|Found no NVIDIA driver|driver version is insufficient|no kernel image is available"
        ),
        VLLM_SAYS,
    ),
    Detector(
        Reason.GPU_FAULT,
        log_matches(
            r"NCCL error|ncclUnhandled|ncclSystemError|illegal memory access|ECC error|CUDA error|HIP error"
        ),
        VLLM_SAYS,
    ),
    Detector(
        Reason.UNKNOWN_ARGUMENT,
        log_matches(r"error: (unrecognized arguments|argument |ambiguous option|the following arguments)"),
        VLLM_SAYS,
    ),
    Detector(
        Reason.REMOTE_CODE_REFUSED, log_matches(r"trust_remote_code=True|--trust-remote-code"), VLLM_SAYS
    ),
    Detector(
        Reason.MODEL_UNSUPPORTED,
        log_matches(
            r"Model architectures? .* (not supported|failed to be inspected|was supported in vLLM until)"
            r"|does not recognize this architecture"
        ),
        VLLM_SAYS,
    ),
    Detector(
        Reason.MODEL_FILES_INVALID,
        log_matches(
            r"Cannot find any model weights|Repo id must be in the form|Invalid repository ID or local dir"
            r"|no config file found|SafetensorError|Can't load tokenizer|Couldn't instantiate the backend"
        ),
        VLLM_SAYS,
    ),
    Detector(
        Reason.ENGINE_SETTING_REFUSED,
        max_model_len_too_large,
        "engine.maxModelLen is {asked}, and the model was made for {most} tokens",
        "lower engine.maxModelLen to {most}, or leave it out",
    ),
    Detector(
        Reason.ENGINE_SETTING_REFUSED,
        log_matches(r"User-specified max_model_len .* greater than the derived"),
        "engine.maxModelLen is larger than the model was made for",
        "lower engine.maxModelLen, or leave it out",
    ),
    Detector(
        Reason.ENGINE_SETTING_REFUSED,
        log_matches(r"must be divisible by tensor parallel size"),
        VLLM_SAYS,
        "choose a tensorParallel that divides the model's number of attention heads",
    ),
    Detector(
        Reason.ENGINE_SETTING_REFUSED,
        log_matches(
            r"Bfloat16 is only supported|is not supported for quantization|[Qq]uantization method"
            r"|Cannot find the config file for|not supported for the current GPU"
        ),
        VLLM_SAYS,
        "change engine.dtype or engine.quantization to what these weights and this GPU can do",
    ),
    Detector(
        Reason.OUT_OF_MEMORY,
        killed_by_nobody,
        "the engine was killed (exit code 137) and Kubernetes does not say why, most likely for using more "
        "memory than {limit}",
    ),
    Detector(Reason.ENGINE_CRASHED, crashed, "the engine ended with {line}"),
    Detector(
        Reason.PODS_UNHEALTHY, stopped_answering, "the engine came up and is not ready any more: {quote}"
    ),
)
