"""The environment of the engine's container."""

from typing import Any, Final

from sirocco_operator.api.v1alpha1 import Device, InferenceModel
from sirocco_operator.children.pod.volumes import SERVING_PATH
from sirocco_operator.children.serving_config import FILE_NAME
from sirocco_operator.children.times import startup_budget

# The variable with the headers for OpenTelemetry's exporters, also the key in the Secret.
COLLECTOR_HEADERS: Final = "OTEL_EXPORTER_OTLP_HEADERS"
POD_NAME: Final = "SIROCCO_POD_NAME"


def engine_environment(model: InferenceModel) -> list[dict[str, Any]]:
    """The user's variables and ours; ours win."""
    operator_variables = {
        "VLLM_PLUGINS": "sirocco",
        "SIROCCO_SERVING_CONFIG": f"{SERVING_PATH}/{FILE_NAME}",
        "VLLM_ENGINE_READY_TIMEOUT_S": str(startup_budget(model)),
        "VLLM_NO_USAGE_STATS": "1",
        # The weights are on disk before the engine starts, so it must never wait for a hub.
        "HF_HUB_OFFLINE": "1",
    }
    if model.spec.device is Device.CPU:
        # Binding threads to cores needs the node's topology, which a pod cannot read.
        operator_variables["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
    literal = variables_list({**_tracing(model), **user_environment(model), **operator_variables})
    return [*_kubelet_variables(model), *literal]


def _tracing(model: InferenceModel) -> dict[str, str]:
    """Variables by which OpenTelemetry's SDK names and samples vLLM's spans; the user's variables win."""
    if model.spec.tracing is None:
        return {}
    return {
        "OTEL_SERVICE_NAME": model.metadata.name,
        "OTEL_RESOURCE_ATTRIBUTES": f"k8s.namespace.name={model.metadata.namespace},"
        f"k8s.pod.name=$({POD_NAME})",
        # For a request that belongs to a trace, the caller's decision holds.
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": f"{model.spec.tracing.sample_ratio:g}",
        # In seconds: exporting the last spans must not outlast the pod's grace period.
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "5",
    }


def _kubelet_variables(model: InferenceModel) -> list[dict[str, Any]]:
    """Variables that the kubelet fills in a traced pod: the pod's name and the collector's headers."""
    if model.spec.tracing is None:
        return []
    field = {"apiVersion": "v1", "fieldPath": "metadata.name"}
    found = [{"name": POD_NAME, "valueFrom": {"fieldRef": field}}]
    if (secret := model.spec.tracing.headers_secret_name) is not None:
        reference = {"name": secret, "key": COLLECTOR_HEADERS}
        found.append({"name": COLLECTOR_HEADERS, "valueFrom": {"secretKeyRef": reference}})
    return found


def user_environment(model: InferenceModel) -> dict[str, str]:
    """The variables of `engine.env` by name; the last of two with the same name wins."""
    return {variable.name: variable.value for variable in model.spec.engine.env}


def variables_list(environment: dict[str, str]) -> list[dict[str, Any]]:
    """The variables as a container's list; like the API server, it leaves out empty values."""
    return [{"name": name, **({"value": value} if value else {})} for name, value in environment.items()]
