"""Why the engine ended; the messages are those of vLLM 0.32 and the kubelet."""

import pytest

from tests.unit.status import cluster

FIELDS = " [type=value_error, input_value=ArgsKwargs((), {'model': ...}), input_type=ArgsKwargs]"
CORE = "(EngineCore pid=153) ERROR 11-23 20:42:07 [core.py:1510] "

CAUSES = [
    (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 224.00 MiB. GPU 0 has a total",
        "OutOfGPUMemory",
        "raise tensorParallel",
    ),
    ("vllm serve: error: unrecognized arguments: --no-such-flag", "UnknownArgument", "correct engine.args"),
    (
        "vllm serve: error: argument --load-format: expected one argument",
        "UnknownArgument",
        "correct engine.args",
    ),
    (
        "RuntimeError: Failed to load the model config. If the model is a custom model not yet available in "
        "the HuggingFace transformers library, consider setting `trust_remote_code=True` in LLM or using the "
        "`--trust-remote-code` flag in the CLI.",
        "RemoteCodeRefused",
        "read that code",
    ),
    (
        f"  Value error, Model architectures ['NewForCausalLM'] are not supported for now.{FIELDS}",
        "ModelUnsupported",
        "use a newer serving image",
    ),
    (
        "  Value error, The checkpoint you are trying to load has model type `new` but Transformers does not "
        f"recognize this architecture.{FIELDS}",
        "ModelUnsupported",
        "use a newer serving image",
    ),
    (
        "RuntimeError: Cannot find any model weights with `/model`",
        "ModelFilesInvalid",
        "correct model.uri",
    ),
    (
        "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or "
        "'namespace/repo_name': '/model/a'.",
        "ModelFilesInvalid",
        "correct model.uri",
    ),
    (
        "  Value error, Total number of attention heads (9) must be divisible by tensor parallel size (2)."
        f"{FIELDS}",
        "EngineSettingRefused",
        "choose a tensorParallel that divides",
    ),
    (
        "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0.",
        "EngineSettingRefused",
        "change engine.dtype",
    ),
    (
        f"  Value error, Unknown quantization method: awk. Must be one of ['awq', 'fp8'].{FIELDS}",
        "EngineSettingRefused",
        "change engine.dtype or engine.quantization",
    ),
    (
        "  Value error, World size (4) is larger than the number of available GPUs (2) in this node.",
        "GPUUnavailable",
        "look at the node's driver",
    ),
    (
        "RuntimeError: NCCL error: unhandled system error (run with NCCL_DEBUG=INFO for details)",
        "GPUFault",
        "if it comes again on the same node",
    ),
    (
        "RuntimeError: CUDA error: an illegal memory access was encountered",
        "GPUFault",
        "if it comes again on the same node",
    ),
]


@pytest.mark.parametrize(("line", "reason", "fix"), CAUSES)
def test_a_crash_is_reported_by_its_cause_and_a_fix(line: str, reason: str, fix: str) -> None:
    model = cluster.model()
    log = f"    raise ValueError(\n{line}\n    For further information visit https://errors.pydantic.dev\n"

    reported, message = cluster.reason_and_message(model, cluster.crashed(cluster.pod(model), log))

    cause = line.strip().removeprefix("Value error, ").removesuffix(FIELDS).rstrip(".")
    assert reported == reason
    assert message.startswith("the engine ended; vLLM says: ")
    assert f"{cause}: {fix}" in message


KV_CACHE = (
    "ValueError: To serve at least one request with the model's max seq len (190000), (4.08 GiB KV cache is "
    "needed, "
    "which is larger than the available KV cache memory (1.0 GiB). {}Try increasing `gpu_memory_utilization` "
    "(which also controls CPU memory on the CPU backend) or decreasing `max_model_len` when initializing the "
    "engine."
)
TOO_LONG = (
    "  Value error, User-specified max_model_len (99999) is greater than the derived max_model_len "
    "(max_position_embeddings={} or model_max_length={} in model's config.json). To allow overriding this "
    "maximum, set the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1. VLLM_ALLOW_LONG_MAX_MODEL_LEN must be used "
    "with "
    "extreme caution."
)
KV_CACHE_SPACE = "(VLLM_CPU_KVCACHE_SPACE in engine.env for device: cpu)"


@pytest.mark.parametrize(
    ("line", "reason", "told"),
    [
        (
            KV_CACHE.format("Based on the available memory, the estimated maximum model length is 46512. "),
            "KVCacheTooSmall",
            "one request of 190000 tokens needs a KV cache of 4.08 GiB, and 1.0 GiB are free for it: set "
            "engine.maxModelLen to 46512 or less, or raise engine.gpuMemoryUtilization or tensorParallel "
            f"{KV_CACHE_SPACE}",
        ),
        (
            KV_CACHE.format(""),
            "KVCacheTooSmall",
            "one request of 190000 tokens needs a KV cache of 4.08 GiB, and 1.0 GiB are free for it: set "
            f"engine.maxModelLen to less, or raise engine.gpuMemoryUtilization or tensorParallel "
            f"{KV_CACHE_SPACE}",
        ),
        (
            "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`",
            "KVCacheTooSmall",
            "the weights leave no memory for the KV cache: raise tensorParallel or "
            "engine.gpuMemoryUtilization, or "
            f"choose quantized weights {KV_CACHE_SPACE}",
        ),
        (
            TOO_LONG.format("32768", "None") + FIELDS,
            "EngineSettingRefused",
            "engine.maxModelLen is 99999, and the model was made for 32768 tokens: lower engine.maxModelLen "
            "to "
            "32768, or leave it out",
        ),
        (
            TOO_LONG.format("8192.0", "16384") + FIELDS,
            "EngineSettingRefused",
            "engine.maxModelLen is 99999, and the model was made for 16384 tokens: lower engine.maxModelLen "
            "to "
            "16384, or leave it out",
        ),
        (
            "ValueError: Free memory on device cuda:0 (2.1/79.1 GiB) on startup is less than desired GPU "
            "memory "
            "utilization (0.92, 72.8 GiB). Decrease GPU memory utilization or reduce GPU memory used by "
            "other",
            "OutOfGPUMemory",
            "the GPU has 2.1 of 79.1 GiB free, and the engine wants 72.8 GiB: something else uses this GPU: "
            "free "
            "it, or lower engine.gpuMemoryUtilization",
        ),
        (
            "sirocco serving: config: drain.settle_seconds: must be 0 or more",
            "ServingSettingsInvalid",
            "the serving layer refuses its settings: drain.settle_seconds: must be 0 or more: use a serving "
            "image "
            "of this operator's version",
        ),
    ],
)
def test_a_crash_whose_figures_are_known_says_what_fits_without_vllms_words(
    line: str, reason: str, told: str
) -> None:
    model = cluster.model()

    assert cluster.reason_and_message(model, cluster.crashed(cluster.pod(model), f"{line}\n")) == (
        reason,
        told,
    )


@pytest.mark.parametrize(
    ("line", "reason", "advice"),
    [
        (
            "ValueError: 4 GiB KV cache is needed, which is larger than the available memory",
            "KVCacheTooSmall",
            "lower engine.maxModelLen",
        ),
        (
            "ValueError: User-specified max_model_len (9) is much greater than the derived one. "
            "set the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1",
            "EngineSettingRefused",
            "lower engine.maxModelLen",
        ),
        (
            "ValueError: Free memory on device cuda:0 is less than 3 GiB",
            "OutOfGPUMemory",
            "something else uses this GPU",
        ),
    ],
)
def test_another_wording_of_vllm_gets_the_same_advice(line: str, reason: str, advice: str) -> None:
    model = cluster.model()

    reported, told = cluster.reason_and_message(model, cluster.crashed(cluster.pod(model), line))

    assert reported == reason
    assert advice in told
    assert "VLLM_ALLOW_LONG" not in told


def test_the_prefix_of_a_process_is_left_out() -> None:
    model = cluster.model()
    log = f"{CORE}torch.OutOfMemoryError: CUDA out of memory.\n"

    _, message = cluster.reason_and_message(model, cluster.crashed(cluster.pod(model), log))

    assert message.startswith("the engine ended; vLLM says: torch.OutOfMemoryError: CUDA out of memory: ")


def test_a_cause_before_the_final_traceback_is_found() -> None:
    model = cluster.model()
    log = (
        f"{CORE}torch.OutOfMemoryError: CUDA out of memory.\n"
        "Traceback (most recent call last):\n"
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}\n"
    )

    assert cluster.reason_and_message(model, cluster.crashed(cluster.pod(model), log))[0] == "OutOfGPUMemory"


def test_an_unknown_crash_is_reported_by_its_exception_rather_than_what_comes_after() -> None:
    model = cluster.model()
    log = (
        '  File "x.py", line 3, in main\n'
        "KeyError: 'layers.40.weight'\n"
        "(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above.\n"
        "/usr/lib/resource_tracker.py:254: UserWarning: resource_tracker: There appear to be 1 leaked\n"
        "  warnings.warn('resource_tracker'\n"
    )

    assert cluster.reason_and_message(model, cluster.crashed(cluster.pod(model), log)) == (
        "EngineCrashed",
        "the engine ended with exit code 1: KeyError: 'layers.40.weight': "
        "see `kubectl logs -c vllm` of the pod, with --previous after a restart",
    )


def test_a_crash_without_words_is_reported_by_its_exit_code() -> None:
    model = cluster.model()

    assert cluster.reason_and_message(model, cluster.crashed(cluster.pod(model), "", exit_code=139))[
        1
    ].startswith("the engine ended with exit code 139: see")


def test_a_crash_stays_reported_while_the_engine_starts_again() -> None:
    model = cluster.model()
    ended = cluster.end("torch.OutOfMemoryError: CUDA out of memory.")
    again = cluster.with_container(cluster.pod(model), "vllm", {"running": {}}, ended)

    assert cluster.reason_and_message(model, again) == cluster.reason_and_message(
        model, cluster.crashed(cluster.pod(model), "torch.OutOfMemoryError: CUDA out of memory.")
    )


def test_a_crash_before_the_engine_came_up_again_is_history() -> None:
    model = cluster.model()
    up = cluster.with_container(
        cluster.pod(model), "vllm", {"running": {}}, cluster.end("KeyError: 1"), started=True
    )

    assert cluster.reason_and_message(model, up)[0] == "Loading"


def test_a_container_killed_for_its_memory_names_the_limit() -> None:
    model = cluster.model({"resources": {"limits": {"memory": "24Gi"}}})
    pod = cluster.crashed(cluster.pod(model), exit_code=137, reason="OOMKilled")

    reason, message = cluster.reason_and_message(model, pod)

    assert reason == "OutOfMemory"
    assert message.startswith("the kernel killed the engine for using more memory than its limit of ")
    assert message.endswith(": raise resources.limits.memory")


def test_a_kill_that_the_container_runtime_cannot_explain_is_one_for_memory() -> None:
    model = cluster.model({"resources": {"limits": {"memory": "24Gi"}}})
    pod = cluster.crashed(cluster.pod(model), exit_code=137)

    assert cluster.reason_and_message(model, pod) == (
        "OutOfMemory",
        "the engine was killed (exit code 137) and Kubernetes does not say why, most likely for using more "
        "memory than its limit of 24Gi: raise resources.limits.memory",
    )


def test_an_engine_that_is_up_again_is_not_blamed_for_the_end_of_the_run_before() -> None:
    model = cluster.model()
    pod = cluster.running(cluster.pod(model), "vllm", started=True)
    failed = ("Unhealthy", "Readiness probe failed: EOF")
    before = cluster.event(pod, *failed, at="2026-11-23T20:49:41Z")
    since = cluster.event(pod, *failed, at="2026-11-23T20:49:52Z")

    assert cluster.reason_and_message(model, pod, events=[before])[0] == "Loading"
    assert cluster.reason_and_message(model, pod, events=[before, since])[0] == "PodsUnhealthy"


@pytest.mark.parametrize(("probe", "reason"), [("startup", "StartupTimeout"), ("liveness", "PodsUnhealthy")])
def test_a_kill_by_a_probe_is_reported(probe: str, reason: str) -> None:
    model = cluster.model()
    pod = cluster.crashed(cluster.pod(model), "INFO: Shutting down", exit_code=0, reason="Completed")
    kill = cluster.event(pod, "Killing", f"Container vllm failed {probe} probe, will be restarted")

    assert cluster.reason_and_message(model, pod, events=[kill])[0] == reason


def test_a_startup_that_takes_too_long_names_the_budget_and_its_field() -> None:
    model = cluster.model({"startup": {"budgetSeconds": 300}})
    pod = cluster.crashed(cluster.pod(model), "INFO: Shutting down", exit_code=0, reason="Completed")
    kill = cluster.event(pod, "Killing", "Container vllm failed startup probe, will be restarted")

    _, message = cluster.reason_and_message(model, pod, events=[kill])

    assert "budget of 300 s (startup.budgetSeconds)" in message
    assert "raise startup.budgetSeconds" in message


def test_a_kill_by_a_probe_before_this_crash_is_history() -> None:
    model = cluster.model()
    pod = cluster.crashed(cluster.pod(model), "KeyError: 1")
    message = "Container vllm failed liveness probe, will be restarted"
    kill = cluster.event(pod, "Killing", message, at="2026-11-23T19:00:00Z")

    assert cluster.reason_and_message(model, pod, events=[kill])[0] == "EngineCrashed"


def test_an_engine_that_stops_answering_is_unhealthy() -> None:
    model = cluster.model()
    pod = cluster.running(cluster.pod(model), "vllm", started=True)
    failed = cluster.event(pod, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")

    assert cluster.reason_and_message(model, pod, events=[failed])[0] == "PodsUnhealthy"
