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


def ended_engines(state: ModelState) -> Iterator[tuple[Manifest, Mapping[str, Any]]]:
    """Pods whose engine ended and has not started again since, each with its last termination."""
    for pod in state.unready_pods:
        ended = pods.termination(pod, ENGINE_CONTAINER)
        if ended and not pods.has_started(pod):
            yield pod, ended


def log_matches(pattern: str) -> Detect:
    """Detects an engine whose last log lines match the pattern."""
    wanted = re.compile(pattern)

    def detect(state: ModelState) -> Mapping[str, str] | None:
        for _, ended in ended_engines(state):
            for line in reversed(log_lines(str(ended.get("message", "")))):
                if wanted.search(line):
                    return {"line": line}
        return None

    return detect


def out_of_memory(state: ModelState) -> Mapping[str, str] | None:
    """Detects an engine that the kernel killed for its memory."""
    for pod, ended in ended_engines(state):
        if ended.get("reason") == "OOMKilled":
            limit = pods.memory_limit(pod)
            return {"limit": f"its limit of {limit}" if limit else "what the node has"}
    return None


def killed_by(probe: str) -> Detect:
    """Detects an engine that the kubelet killed because this probe failed."""

    def detect(state: ModelState) -> Mapping[str, str] | None:
        for pod, ended in ended_engines(state):
            since = str(ended.get("startedAt") or "")[:19]
            for event in state.events_of(pod):
                is_kill = event.get("reason") == "Killing" and f"failed {probe} probe" in str(
                    event.get("message")
                )
                if is_kill and str(event.get("lastTimestamp") or event.get("eventTime") or "")[:19] >= since:
                    return {}
        return None

    return detect


def crashed(state: ModelState) -> Mapping[str, str] | None:
    """Detects any other end of the engine."""
    for _, ended in ended_engines(state):
        line = cause_line(str(ended.get("message", "")))
        return {"line": f"exit code {ended.get('exitCode', 0)}{', ' if line else ''}{line}"}
    return None


def stopped_answering(state: ModelState) -> Mapping[str, str] | None:
    """Detects an engine that started and then failed its readiness probe."""
    for pod in state.unready_pods:
        if not pods.has_started(pod):
            continue
        for event in reversed(state.events_of(pod)):
            quote = str(event.get("message", ""))
            if event.get("reason") == "Unhealthy" and quote.startswith("Readiness probe failed"):
                return {"quote": quote}
    return None


DETECTORS = (
    Detector(
        Reason.OUT_OF_MEMORY, out_of_memory, "the kernel killed the engine for using more memory than {limit}"
    ),
    Detector(
        Reason.STARTUP_TIMEOUT, killed_by("startup"), "the engine was not ready within its startup budget"
    ),
    Detector(Reason.PODS_UNHEALTHY, killed_by("liveness"), "the engine stopped answering and was killed"),
    Detector(Reason.SERVING_SETTINGS_INVALID, log_matches(r"sirocco serving: config: "), "{line}"),
    Detector(
        Reason.KV_CACHE_TOO_SMALL,
        log_matches(
            r"KV cache is needed, which is larger than the available|No available memory for the cache blocks"
        ),
        "{line}",
    ),
    Detector(
        Reason.OUT_OF_GPU_MEMORY,
        log_matches(r"Free memory on device .* less than"),
        "{line}",
        "something else uses this GPU: free it, or lower engine.gpuMemoryUtilization",
    ),
    Detector(
        Reason.OUT_OF_GPU_MEMORY,
        log_matches(r"OutOfMemoryError|(CUDA|HIP|XPU)( error:)? out of memory"),
        "{line}",
    ),
    Detector(
        Reason.GPU_UNAVAILABLE,
        log_matches(
            r"larger than the number of available GPUs|Failed to infer device type|No CUDA GPUs are available"
            r"|Found no NVIDIA driver|driver version is insufficient|no kernel image is available"
        ),
        "{line}",
    ),
    Detector(
        Reason.GPU_FAULT,
        log_matches(
            r"NCCL error|ncclUnhandled|ncclSystemError|illegal memory access|ECC error|CUDA error|HIP error"
        ),
        "{line}",
    ),
    Detector(
        Reason.UNKNOWN_ARGUMENT,
        log_matches(r"error: (unrecognized arguments|argument |ambiguous option|the following arguments)"),
        "{line}",
    ),
    Detector(
        Reason.REMOTE_CODE_REFUSED, log_matches(r"trust_remote_code=True|--trust-remote-code"), "{line}"
    ),
    Detector(
        Reason.MODEL_UNSUPPORTED,
        log_matches(
            r"Model architectures? .* (not supported|failed to be inspected|was supported in vLLM until)"
            r"|does not recognize this architecture"
        ),
        "{line}",
    ),
    Detector(
        Reason.MODEL_FILES_INVALID,
        log_matches(
            r"Cannot find any model weights|Repo id must be in the form|Invalid repository ID or local dir"
            r"|no config file found|SafetensorError|Can't load tokenizer|Couldn't instantiate the backend"
        ),
        "{line}",
    ),
    Detector(
        Reason.ENGINE_SETTING_REFUSED,
        log_matches(r"User-specified max_model_len .* greater than the derived"),
        "{line}",
        "lower engine.maxModelLen to what the model was made for",
    ),
    Detector(
        Reason.ENGINE_SETTING_REFUSED,
        log_matches(r"must be divisible by tensor parallel size"),
        "{line}",
        "choose a tensorParallel that divides the model's number of attention heads",
    ),
    Detector(
        Reason.ENGINE_SETTING_REFUSED,
        log_matches(
            r"Bfloat16 is only supported|is not supported for quantization|[Qq]uantization method"
            r"|Cannot find the config file for|not supported for the current GPU"
        ),
        "{line}",
        "change engine.dtype or engine.quantization to what these weights and this GPU can do",
    ),
    Detector(Reason.ENGINE_CRASHED, crashed, "{line}"),
    Detector(
        Reason.PODS_UNHEALTHY, stopped_answering, "the engine came up but is not ready any more: {quote}"
    ),
)
