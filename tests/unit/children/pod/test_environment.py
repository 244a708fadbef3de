"""The engine's environment."""

import pytest

from tests.unit.children.rendering import download, engine, environment

pytestmark = pytest.mark.unit

OURS = {
    "VLLM_PLUGINS": "sirocco",
    "SIROCCO_SERVING_CONFIG": "/etc/sirocco/serving.json",
    "VLLM_ENGINE_READY_TIMEOUT_S": "1800",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}


def test_the_engine_loads_our_plugin_stays_offline_and_reports_nothing() -> None:
    assert environment(engine()) == OURS


def test_on_a_cpu_threads_are_not_bound() -> None:
    assert environment(engine(device="cpu")) == {**OURS, "VLLM_CPU_OMP_THREADS_BIND": "nobind"}


def test_the_users_variables_are_added() -> None:
    given = [{"name": "VLLM_LOGGING_LEVEL", "value": "DEBUG"}]
    assert environment(engine(engine={"env": given})) == {**OURS, "VLLM_LOGGING_LEVEL": "DEBUG"}


def test_an_empty_value_is_left_out_as_the_api_server_does() -> None:
    assert {"name": "EMPTY"} in engine(engine={"env": [{"name": "EMPTY"}]})["env"]


def test_a_proxy_or_mirror_of_the_users_reaches_the_download() -> None:
    given = [{"name": "HF_ENDPOINT", "value": "http://mirror"}]
    assert environment(download(engine={"env": given})) == {"HF_ENDPOINT": "http://mirror"}


def test_traces_are_filed_under_the_models_name_and_pod_and_sampled_as_set() -> None:
    traced = engine(tracing={"endpoint": "http://collector:4317", "sampleRatio": 0.25})
    # Kubernetes puts in for $(…) only what comes before.
    name = {
        "name": "SIROCCO_POD_NAME",
        "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
    }
    assert traced["env"].pop(0) == name
    assert environment(traced) == {
        **OURS,
        "OTEL_SERVICE_NAME": "mistral",
        "OTEL_RESOURCE_ATTRIBUTES": "k8s.namespace.name=models,k8s.pod.name=$(SIROCCO_POD_NAME)",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.25",
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "5",
    }


def test_a_collectors_headers_come_from_a_secret_that_the_kubelet_reads() -> None:
    tracing = {"endpoint": "https://ingest.example.com", "headersSecretName": "signoz"}
    (headers,) = (each for each in engine(tracing=tracing)["env"] if each["name"].endswith("_HEADERS"))
    assert headers == {
        "name": "OTEL_EXPORTER_OTLP_HEADERS",
        "valueFrom": {"secretKeyRef": {"name": "signoz", "key": "OTEL_EXPORTER_OTLP_HEADERS"}},
    }


def test_the_user_may_file_traces_elsewhere() -> None:
    given = [{"name": "OTEL_SERVICE_NAME", "value": "search"}]
    found = environment(engine(tracing={"endpoint": "http://collector:4317"}, engine={"env": given}))
    assert found["OTEL_SERVICE_NAME"] == "search"
