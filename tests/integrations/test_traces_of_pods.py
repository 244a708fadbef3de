"""A model's pod sends its spans to a collector outside of the cluster, which asks for a key."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e import models
from tests.e2e.client import Client
from tests.e2e.kubectl import Kubectl
from tests.e2e.namespaces import fresh_namespace
from tests.e2e.network import host_address
from tests.integrations.door import door
from tests.integrations.jaeger import Jaeger, Span
from tests.waiting import eventually

NAMESPACE: Final = "sirocco-traces"
MODEL: Final = "traced"
KEY: Final = "c0llectors-key"
CERTIFICATE: Final = "tls.crt"


@pytest.fixture(scope="module")
def kubectl(operator: Kubectl) -> Iterator[Kubectl]:
    """A namespace of its own."""
    with fresh_namespace(Kubectl(NAMESPACE)) as kubectl:
        yield kubectl
        kubectl.delete("imodel", "--all")


def manifests(port: int, certificate: Path) -> list[dict[str, Any]]:
    """A traced stand-in, which knows the collector's certificate by a volume of its owner's."""
    model = models.stand_in(
        MODEL,
        tracing={"endpoint": f"https://{host_address()}:{port}", "headersSecretName": "collector"},
        engine={"env": [{"name": "OTEL_EXPORTER_OTLP_CERTIFICATE", "value": f"/collector/{CERTIFICATE}"}]},
        volumes=[{"name": "collector", "configMap": {"name": "collector"}}],
        volumeMounts=[{"name": "collector", "mountPath": "/collector"}],
    )
    metadata = {"name": "collector"}
    data = {CERTIFICATE: certificate.read_text()}
    return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}, model]


def test_a_pods_spans_tell_where_it_ran_and_its_collectors_key_stays_in_the_secret(
    kubectl: Kubectl, jaeger: Jaeger, tmp_path: Path
) -> None:
    header = ("signoz-ingestion-key", KEY)
    with door(host_address(), header, jaeger.port, tmp_path) as (port, certificate):
        kubectl.apply(*manifests(port, certificate))
        kubectl.until(
            "imodel", MODEL, lambda one: models.reason(one) == "SecretMissing", "told of the Secret"
        )
        secret = {"OTEL_EXPORTER_OTLP_HEADERS": f"{header[0]}={KEY}"}
        metadata = {"name": "collector"}
        kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": secret})
        kubectl.until("imodel", MODEL, lambda one: models.reason(one) == "Ready", "ready")
        (pod,) = kubectl.list("pods", models.of(MODEL))
        name = pod["metadata"]["name"]
        client = Client(kubectl)
        client.start()
        answer = client.ask(f"http://{MODEL}.{NAMESPACE}.svc/generate/batch", {"prompts": ["a"]})
        assert answer.status == 200, answer.body

        def come() -> list[Span]:
            return jaeger.spans(MODEL)

        (span,) = eventually(come, 60, lambda: f"the span in Jaeger:\n{kubectl.logs(name)}")
    assert (span.name, span.attributes["http.response.status_code"]) == ("/generate/batch", 200)
    assert span.resource["k8s.namespace.name"] == NAMESPACE
    assert span.resource["k8s.pod.name"] == name
    assert KEY not in str(pod) + kubectl.logs(name)
