"""An operator that scales through KEDA, whose API is there and whose own program is not."""

from collections.abc import Iterator

import pytest

from tests.api.client import Client
from tests.api.conftest import new_namespace
from tests.api.control_plane import ControlPlane
from tests.api.kubelet import Kubelet
from tests.api.models import DEADLINE, model, wait_child, wait_gone
from tests.api.operator_process import OperatorProcess
from tests.api.optional_apis import served
from tests.waiting import eventually


@pytest.fixture(scope="module")
def scaled(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[str]:
    """The namespace of a model that was scaled by the operator's own figures until the provider changed."""
    client = cluster.client
    settings = {"autoscaling_provider": "keda", "keda_prometheus_url": "http://prometheus:9090"}
    with new_namespace(client) as namespace:
        client.create(model(namespace, autoscaling={"maxReplicas": 4, "target": {"inFlightRequests": 8}}))
        wait_child(client, "HorizontalPodAutoscaler", namespace)
        assert operator.stop() == 0
        with Kubelet(client, namespace), OperatorProcess(cluster, "operator-keda", **settings):
            yield namespace
    operator.start()


@pytest.fixture
def keda(client: Client) -> Iterator[None]:
    """The cluster gets KEDA's API, for one test."""
    with served(client, "keda.sh", "v1alpha1", "ScaledObject", "scaledobjects"):
        yield


def wait_told(client: Client, namespace: str, reason: str, words: str) -> None:
    """Wait until the condition ScalingActive has this reason and says these words."""

    def told() -> bool:
        status = client.get("InferenceModel", namespace, "mistral").get("status") or {}
        conditions = {each["type"]: each for each in status.get("conditions") or ()}
        found = conditions.get("ScalingActive", {"reason": "no condition", "message": ""})
        assert found["reason"] == reason, f"{found['reason']}: {found['message']}"
        assert words in found["message"], found["message"]
        return True

    eventually(told, DEADLINE, f"ScalingActive to be {reason}, {words}", 0.1)


def test_without_kedas_api_nothing_scales_and_the_status_says_what_to_install(
    client: Client, scaled: str
) -> None:
    wait_told(client, scaled, "MetricsProviderMissing", "install KEDA")
    wait_gone(client, "HorizontalPodAutoscaler", scaled)


@pytest.mark.usefixtures("keda")
def test_a_scaled_object_takes_the_hpas_place_and_kedas_hpa_is_told_of(client: Client, scaled: str) -> None:
    scaled_object = wait_child(client, "ScaledObject", scaled)
    assert scaled_object["spec"]["triggers"][0]["metadata"]["serverAddress"] == "http://prometheus:9090"
    wait_gone(client, "HorizontalPodAutoscaler", scaled)
    wait_told(client, scaled, "ScalingPending", "the HPA controller has not looked")
    external = {"metric": {"name": "s0-prometheus"}, "target": {"type": "AverageValue", "averageValue": "8"}}
    # As KEDA does.
    client.create(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "keda-hpa-mistral", "namespace": scaled},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "mistral"},
                "maxReplicas": 4,
                "metrics": [{"type": "External", "external": external}],
            },
        }
    )
    wait_told(client, scaled, "NoMetrics", "unable to get external metric")
