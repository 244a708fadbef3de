"""Load changes how many pods serve, by a real KEDA and what a real Prometheus tells it."""

import re
from collections.abc import Iterator
from typing import Final

import pytest

from tests.e2e import models, release
from tests.e2e.client import Client
from tests.e2e.kubectl import Kubectl
from tests.e2e.namespaces import fresh_namespace
from tests.e2e.prometheus import Prometheus, monitoring_apis
from tests.e2e.release import Release
from tests.e2e.replicas import until_ready
from tests.e2e.scaling import (
    PATIENT,
    TOKEN_SECONDS,
    TOKENS,
    autoscaling,
    has_figures,
    rise_told,
    scaling,
    wanted,
)
from tests.integrations.keda import keda

NAMESPACE: Final = "sirocco-keda"
MODEL: Final = "scaled"
# The HPA controller looks every 15 seconds at what was scraped up to 15 seconds ago.
DEADLINE: Final = 150


@pytest.fixture(scope="module")
def kubectl(operator: Kubectl) -> Iterator[Kubectl]:
    """A namespace of its own."""
    with fresh_namespace(Kubectl(NAMESPACE)) as kubectl:
        yield kubectl


@pytest.fixture(scope="module")
def scaler(operator: Kubectl) -> Iterator[Kubectl]:
    """KEDA; kubectl in its namespace."""
    with keda(operator) as kubectl:
        yield kubectl


@pytest.fixture(scope="module")
def client(kubectl: Kubectl) -> Client:
    """A pod inside the cluster that asks."""
    client = Client(kubectl)
    client.start()
    return client


@pytest.fixture(scope="module")
def prometheus(kubectl: Kubectl, operator: Kubectl, scaler: Kubectl) -> Iterator[Prometheus]:
    """Prometheus, which scrapes a model that is scaled through KEDA."""
    prometheus = Prometheus(kubectl)
    through_keda = {"autoscaling": {"provider": "keda", "keda": {"serverAddress": prometheus.url}}}
    with monitoring_apis(kubectl, operator, {**release.VALUES, **through_keda}):
        kubectl.apply(
            models.stand_in(MODEL, engine={"env": [TOKEN_SECONDS]}, autoscaling=autoscaling(behavior=PATIENT))
        )
        try:
            until_ready(kubectl, MODEL, 1)
            monitor = kubectl.until("servicemonitor", MODEL, lambda one: one, "there")
            with prometheus.running([monitor], [], []):
                kubectl.until("hpa", f"keda-hpa-{MODEL}", has_figures, "told its figures", DEADLINE)
                yield prometheus
        finally:
            kubectl.delete("imodel", MODEL)
            kubectl.until_gone("scaledobject", MODEL)
    Release().install()


def test_load_alone_raises_and_lowers_the_count_and_fails_no_request(
    kubectl: Kubectl, prometheus: Prometheus, client: Client
) -> None:
    with client.load(MODEL, clients=16, tokens=TOKENS) as load:
        kubectl.until("deployment", MODEL, lambda one: wanted(one) > 1, "told to have more pods", DEADLINE)
        told = kubectl.until("imodel", MODEL, rise_told, "told as scaled", 60)
        until_ready(kubectl, MODEL, 3)
        prometheus.renew_targets()
    load.assert_no_request_failed(3)
    assert re.search(r"^1 → [23]: \d+ in flight, target 4 a replica", told), told
    kubectl.until("deployment", MODEL, lambda one: wanted(one) == 1, "told to have one pod", DEADLINE)
    until_ready(kubectl, MODEL, 1)


def test_a_model_that_prometheus_lost_sight_of_keeps_its_count(
    kubectl: Kubectl, prometheus: Prometheus, client: Client
) -> None:
    with client.load(MODEL, clients=16, tokens=TOKENS):
        kubectl.until("deployment", MODEL, lambda one: wanted(one) == 3, "told to have three pods", DEADLINE)
        until_ready(kubectl, MODEL, 3)
    with kubectl.watch("deployment", MODEL) as deployments:
        prometheus.forget_targets()
        kubectl.until(
            "imodel", MODEL, lambda one: scaling(one).get("reason") == "NoMetrics", "told so", DEADLINE
        )
        assert {wanted(one) for one in deployments.history} == {3}
    prometheus.renew_targets()
    kubectl.until(
        "imodel", MODEL, lambda one: scaling(one).get("status") == "True", "told as scaled again", DEADLINE
    )
