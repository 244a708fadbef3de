"""Replicas by load: the real HPA controller, the operator's metrics API, and pods that only answer for it."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sirocco_operator.api.autoscaling import Autoscaling
from sirocco_operator.reconcile.handover import hand_over
from tests.api.client import ApiError, Client, Object
from tests.api.control_plane import ControlPlane
from tests.api.kubelet import Kubelet
from tests.api.metrics_api import published, wait_available
from tests.api.models import DEADLINE, model, wait_child, wait_gone, wait_status
from tests.api.operator_process import OperatorProcess
from tests.api.processes import free_ports
from tests.waiting import eventually

# No time to wait for: what is tested is that it decides, not how slowly.
FAST = {
    "scaleUp": {"policies": [{"type": "Percent", "value": 900, "periodSeconds": 1}]},
    "scaleDown": {
        "stabilizationWindowSeconds": 0,
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}],
    },
}


@pytest.fixture(scope="module", autouse=True)
def scaling_operator(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """An operator that serves the metrics API, in the place of the shared one."""
    (port,) = free_ports(1)
    assert operator.stop() == 0
    with (
        published(cluster.client, [port]),
        OperatorProcess(cluster, "operator-scaling", metrics_api_port=str(port)) as process,
    ):
        wait_available(cluster.client)
        yield process
    operator.start()


@pytest.fixture
def kubelet(client: Client, namespace: str) -> Iterator[Kubelet]:
    """Runs the pods of the test's namespace."""
    with Kubelet(client, namespace) as running:
        yield running


def autoscaled(namespace: str, **more: Any) -> Object:
    """A model that takes 8 requests a replica."""
    autoscaling = {"maxReplicas": 6, "target": {"inFlightRequests": 8}, "behavior": FAST, **more}
    return model(namespace, autoscaling=autoscaling)


def count(client: Client, namespace: str) -> int:
    """The replicas that the Deployment is told to have."""
    found: int = wait_child(client, "Deployment", namespace)["spec"]["replicas"]
    return found


def wait_count(client: Client, namespace: str, wanted: int) -> None:
    def reached() -> bool:
        now = count(client, namespace)
        assert now == wanted, f"it has {now}; the HPA says {hpa_conditions(client, namespace)}"
        return True

    eventually(reached, DEADLINE, f"the Deployment to have {wanted} replicas", 0.1)


def hpa_conditions(client: Client, namespace: str) -> list[str]:
    hpa = client.find("HorizontalPodAutoscaler", namespace, "mistral") or {}
    conditions = (hpa.get("status") or {}).get("conditions") or ()
    return [f"{each['type']}={each['status']}: {each.get('message')}" for each in conditions]


def wait_seen(client: Client, namespace: str, average: int) -> None:
    """Wait until the HPA has measured so many requests a replica."""

    def seen() -> bool:
        hpa = client.get("HorizontalPodAutoscaler", namespace, "mistral")
        # Null until the HPA controller has measured, and again where it could not.
        metrics = (hpa.get("status") or {}).get("currentMetrics") or ()
        measured = [each["pods"]["current"]["averageValue"] for each in metrics if each.get("pods")]
        assert measured == [str(average)], measured or hpa_conditions(client, namespace)
        return True

    eventually(seen, DEADLINE, f"the HPA to see {average} requests a replica", 0.1)


def scaling(client: Client, namespace: str) -> Object:
    """The condition ScalingActive, empty before there is one."""
    status = client.get("InferenceModel", namespace, "mistral").get("status") or {}
    return next((each for each in status.get("conditions") or () if each["type"] == "ScalingActive"), {})


def wait_scaling(client: Client, namespace: str, holds: Callable[[Object], Any]) -> Object:
    def told() -> Object:
        found = scaling(client, namespace)
        assert found, "no condition ScalingActive"
        assert holds(found), f"{found['reason']}: {found['message']}"
        return found

    return eventually(told, DEADLINE, "the condition ScalingActive to be so", 0.1)


def counts_since(client: Client, namespace: str, version: str) -> list[int]:
    """The replica counts of all versions of the Deployment since one of them, as a watch tells them."""
    path = client.path("Deployment", namespace)
    answer = client.raw("GET", path, watch="true", resourceVersion=version, timeoutSeconds="1")
    events = [json.loads(line) for line in answer.text.splitlines()]
    return [event["object"]["spec"]["replicas"] for event in events if event["type"] == "MODIFIED"]


def version(client: Client, namespace: str) -> str:
    found: str = wait_child(client, "Deployment", namespace)["metadata"]["resourceVersion"]
    return found


def test_replicas_follow_the_load_up_and_down(client: Client, namespace: str, kubelet: Kubelet) -> None:
    client.create(autoscaled(namespace))
    wait_scaling(client, namespace, lambda told: told["reason"] == "ScalingOnTarget")
    assert count(client, namespace) == 1
    kubelet.in_flight = 33
    wait_count(client, namespace, 5)
    told = wait_scaling(client, namespace, lambda told: "33 in flight" in told["message"])
    assert told["message"] == "1 → 5: 33 in flight, target 8 a replica"
    assert wait_status(client, namespace)["desiredReplicas"] == 5
    kubelet.in_flight = 2
    wait_count(client, namespace, 1)
    # Of pods that go at once it may be too late to tell how many there were.
    told = wait_scaling(client, namespace, lambda told: told["message"].startswith("5 → "))
    assert re.fullmatch(r"5 → \d: \d in flight, target 8 a replica", told["message"])


def test_more_than_the_most_replicas_carry_is_told(client: Client, namespace: str, kubelet: Kubelet) -> None:
    kubelet.in_flight = 100
    client.create(autoscaled(namespace))
    wait_count(client, namespace, 6)
    told = wait_scaling(client, namespace, lambda told: told["reason"] == "ScaledToMaximum")
    assert told["message"].endswith("raise autoscaling.maxReplicas, or the target if replicas can carry more")
    assert told["status"] == "True"


def test_replicas_that_still_load_do_not_ask_for_more(
    client: Client, namespace: str, kubelet: Kubelet
) -> None:
    kubelet.most_ready = 1
    kubelet.in_flight = 20
    client.create(autoscaled(namespace))
    wait_count(client, namespace, 3)
    before = version(client, namespace)
    # Looks of the HPA controller, of which its status tells as the load changes.
    for in_flight in (19, 20):
        kubelet.in_flight = in_flight
        wait_seen(client, namespace, in_flight)
    assert set(counts_since(client, namespace, before)) <= {3}
    assert count(client, namespace) == 3


def test_load_that_changes_without_the_count_makes_no_write(
    client: Client, cluster: ControlPlane, namespace: str, kubelet: Kubelet
) -> None:
    kubelet.in_flight = 20
    client.create(autoscaled(namespace))
    wait_count(client, namespace, 3)
    wait_scaling(client, namespace, lambda told: "20 in flight" in told["message"])
    eventually(lambda: wait_status(client, namespace)["reason"] == "Ready", DEADLINE, "3 ready pods", 0.1)
    offset = cluster.wait_quiet(namespace)
    for average in (8, 6, 7):
        kubelet.in_flight = 3 * average
        wait_seen(client, namespace, average)
    assert cluster.wait_quiet(namespace)
    assert cluster.writes(offset, namespace) == []


def test_autoscaling_takes_over_a_fixed_count_without_a_fall(
    client: Client, namespace: str, kubelet: Kubelet
) -> None:
    kubelet.in_flight = 36
    client.create(model(namespace, replicas=4))
    wait_count(client, namespace, 4)
    before = version(client, namespace)
    spec = autoscaled(namespace)["spec"]
    client.replace_spec("InferenceModel", namespace, "mistral", spec)
    wait_count(client, namespace, 5)
    assert set(counts_since(client, namespace, before)) <= {4, 5}


def test_a_fixed_count_stays_until_there_is_something_to_decide_by(client: Client, namespace: str) -> None:
    client.create(model(namespace, replicas=4))
    wait_count(client, namespace, 4)
    before = version(client, namespace)
    client.replace_spec("InferenceModel", namespace, "mistral", autoscaled(namespace)["spec"])
    wait_scaling(client, namespace, lambda told: told["reason"] == "ScalingPending")
    # Another change of the Deployment, which the count must survive.
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"engine": {"maxModelLen": 1024}}})
    wait_arguments(client, namespace, "1024")
    assert set(counts_since(client, namespace, before)) <= {4}


def test_a_change_of_the_model_leaves_the_autoscalers_count(
    client: Client, namespace: str, kubelet: Kubelet
) -> None:
    kubelet.in_flight = 33
    client.create(autoscaled(namespace))
    wait_count(client, namespace, 5)
    before = version(client, namespace)
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"engine": {"maxModelLen": 1024}}})
    wait_arguments(client, namespace, "1024")
    assert set(counts_since(client, namespace, before)) <= {5}


def test_the_count_survives_that_the_operator_loses_sight_of_the_deployment(
    client: Client, namespace: str
) -> None:
    client.create(model(namespace, replicas=4))
    wait_count(client, namespace, 4)
    client.replace_spec("InferenceModel", namespace, "mistral", autoscaled(namespace)["spec"])
    wait_child(client, "HorizontalPodAutoscaler", namespace)
    before = version(client, namespace)
    label = "app.kubernetes.io/managed-by"
    client.patch("Deployment", namespace, "mistral", {"metadata": {"labels": {label: None}}})
    eventually(
        lambda: label in wait_child(client, "Deployment", namespace)["metadata"]["labels"],
        DEADLINE,
        "the label to be put back",
        0.05,
    )
    assert set(counts_since(client, namespace, before)) <= {4}


def test_a_count_that_is_sent_after_the_hpa_decided_is_refused(client: Client, namespace: str) -> None:
    client.create(model(namespace, replicas=4))
    wait_count(client, namespace, 4)
    seen = wait_child(client, "Deployment", namespace)
    wanted = {
        **{key: seen[key] for key in ("apiVersion", "kind")},
        "metadata": {"name": "mistral", "namespace": namespace},
        "spec": {"replicas": 1, "minReadySeconds": 1},
    }
    client.patch("Deployment", namespace, "mistral", {"metadata": {"labels": {"touched": "yes"}}})
    late = hand_over(wanted, seen, Autoscaling(max_replicas=8), "sirocco-operator")
    with pytest.raises(ApiError, match="the object has been modified"):
        client.apply(late)


def test_a_fixed_count_takes_over_again(client: Client, namespace: str, kubelet: Kubelet) -> None:
    kubelet.in_flight = 33
    client.create(autoscaled(namespace))
    wait_count(client, namespace, 5)
    client.replace_spec("InferenceModel", namespace, "mistral", model(namespace, replicas=3)["spec"])
    wait_count(client, namespace, 3)
    wait_gone(client, "HorizontalPodAutoscaler", namespace)
    status = wait_status(client, namespace)
    assert status["desiredReplicas"] == 3
    assert count(client, namespace) == 3


def test_a_deployment_that_somebody_stops_is_started_again(client: Client, namespace: str) -> None:
    client.create(autoscaled(namespace, minReplicas=2))
    wait_count(client, namespace, 2)
    client.patch("Deployment", namespace, "mistral", {"spec": {"replicas": 0}}, subresource="scale")
    wait_count(client, namespace, 2)


def test_scaling_the_resource_by_hand_is_refused_with_the_owner_of_the_count(
    client: Client, namespace: str
) -> None:
    client.create(autoscaled(namespace))
    with pytest.raises(ApiError, match="autoscaling owns the replica count: remove replicas"):
        client.patch("InferenceModel", namespace, "mistral", {"spec": {"replicas": 3}}, subresource="scale")


def test_the_budget_is_there_at_one_replica_already(client: Client, namespace: str) -> None:
    client.create(autoscaled(namespace))
    budget = wait_child(client, "PodDisruptionBudget", namespace)
    assert budget["spec"]["maxUnavailable"] == 1


def test_a_deleted_hpa_comes_back_and_an_edited_one_is_put_right(client: Client, namespace: str) -> None:
    client.create(autoscaled(namespace))
    kind = "HorizontalPodAutoscaler"
    old = wait_child(client, kind, namespace)["metadata"]["uid"]
    client.delete(kind, namespace, "mistral")
    eventually(
        lambda: wait_child(client, kind, namespace)["metadata"]["uid"] != old, DEADLINE, "another HPA", 0.05
    )
    client.patch(kind, namespace, "mistral", {"spec": {"maxReplicas": 50}})
    eventually(
        lambda: client.get(kind, namespace, "mistral")["spec"]["maxReplicas"] == 6,
        DEADLINE,
        "6 replicas at most",
        0.05,
    )


@contextlib.contextmanager
def another_provider(client: Client) -> Iterator[None]:
    """An APIService as prometheus-adapter's chart makes it."""
    name = "v1beta1.custom.metrics.k8s.io"
    client.apply(
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": name},
            "spec": {
                "group": "custom.metrics.k8s.io",
                "version": "v1beta1",
                "service": {"name": "prometheus-adapter", "namespace": "monitoring"},
                "insecureSkipTLSVerify": True,
                "groupPriorityMinimum": 100,
                "versionPriority": 10,
            },
        }
    )
    try:
        yield
    finally:
        client.delete("APIService", None, name)


def test_another_provider_of_the_metrics_api_is_named_when_it_comes(
    client: Client, namespace: str, kubelet: Kubelet
) -> None:
    client.create(autoscaled(namespace))
    wait_scaling(client, namespace, lambda told: told["reason"] == "ScalingOnTarget")
    with another_provider(client):
        told = wait_scaling(client, namespace, lambda told: told["reason"] == "MetricsProviderConflict")
        assert told["message"].startswith(
            "custom.metrics.k8s.io is served by monitoring/prometheus-adapter: "
        )
    wait_scaling(client, namespace, lambda told: told["reason"] == "ScalingOnTarget")


def wait_arguments(client: Client, namespace: str, argument: str) -> None:
    def found() -> bool:
        pod = wait_child(client, "Deployment", namespace)["spec"]["template"]["spec"]
        return argument in pod["containers"][0]["args"]

    eventually(found, DEADLINE, f"{argument} in the engine's arguments", 0.05)
