"""A cluster whose custom.metrics.k8s.io is prometheus-adapter's: told as a conflict, or used."""

import json
import re
from collections.abc import Iterator
from typing import Final

import pytest

from sirocco_operator.children.metrics import Metric
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
from tests.integrations import prometheus_adapter as adapter
from tests.integrations.prometheus_adapter import prometheus_adapter
from tests.waiting import eventually

NAMESPACE: Final = "sirocco-other-providers"
MODEL: Final = "scaled"
# The HPA controller looks every 15 seconds at what was scraped up to 15 seconds ago.
DEADLINE: Final = 150


@pytest.fixture(scope="module")
def kubectl(operator: Kubectl) -> Iterator[Kubectl]:
    """A namespace of its own."""
    with fresh_namespace(Kubectl(NAMESPACE)) as kubectl:
        yield kubectl


@pytest.fixture(scope="module")
def client(kubectl: Kubectl) -> Client:
    """A pod inside the cluster that asks."""
    client = Client(kubectl)
    client.start()
    return client


@pytest.fixture(scope="module")
def prometheus(kubectl: Kubectl, operator: Kubectl) -> Iterator[Prometheus]:
    """Prometheus, which scrapes a model that is scaled by the operator's own figures."""
    prometheus = Prometheus(kubectl)
    with monitoring_apis(kubectl, operator):
        kubectl.apply(
            models.stand_in(MODEL, engine={"env": [TOKEN_SECONDS]}, autoscaling=autoscaling(behavior=PATIENT))
        )
        until_ready(kubectl, MODEL, 1)
        monitor = kubectl.until("servicemonitor", MODEL, lambda one: one, "there")
        with prometheus.running([monitor], [], []):
            yield prometheus
        kubectl.delete("imodel", MODEL)
    Release().install()


@pytest.fixture(scope="module")
def other(prometheus: Prometheus) -> Iterator[Kubectl]:
    """prometheus-adapter beside an operator that serves the figures itself; kubectl in its namespace."""
    with prometheus_adapter(prometheus.url) as kubectl:
        yield kubectl


@pytest.fixture(scope="module")
def external(kubectl: Kubectl, other: Kubectl) -> str:
    """The model, once it is scaled by what prometheus-adapter serves."""
    Release().install({**release.VALUES, "autoscaling": {"provider": "external"}})
    kubectl.until("imodel", MODEL, lambda one: scaling(one).get("status") == "True", "scaled", DEADLINE)
    kubectl.until("hpa", MODEL, has_figures, "told its figures", DEADLINE)
    return MODEL


def test_a_second_provider_beside_our_own_is_named(kubectl: Kubectl, other: Kubectl) -> None:
    told = kubectl.until(
        "imodel",
        MODEL,
        lambda one: scaling(one).get("reason") == "MetricsProviderConflict" and scaling(one).get("message"),
        "told of the conflict",
        DEADLINE,
    )
    words = f"custom.metrics.k8s.io is served by {adapter.NAMESPACE}/{adapter.NAME}: "
    assert told.startswith(words), told


def test_the_guides_rules_serve_every_figure(kubectl: Kubectl, external: str) -> None:
    (pod,) = kubectl.list("pods", models.of(external))
    folder = f"/apis/custom.metrics.k8s.io/v1beta1/namespaces/{NAMESPACE}/pods/*"

    def served() -> bool:
        for name in Metric:
            items = json.loads(kubectl.run("get", "--raw", f"{folder}/{name}"))["items"]
            assert [one["describedObject"]["name"] for one in items] == [pod["metadata"]["name"]], name
        return True

    eventually(served, DEADLINE, "every figure of the pod", interval=2)


def test_load_alone_raises_and_lowers_the_count_by_anothers_figures(
    kubectl: Kubectl, prometheus: Prometheus, external: str, client: Client
) -> None:
    with client.load(external, clients=16, tokens=TOKENS) as load:
        kubectl.until("deployment", external, lambda one: wanted(one) > 1, "told to have more pods", DEADLINE)
        told = kubectl.until("imodel", external, rise_told, "told as scaled", 60)
        until_ready(kubectl, external, 3)
        prometheus.renew_targets()
    load.assert_no_request_failed(3)
    assert re.search(r"^1 → [23]: \d+ in flight, target 4 a replica", told), told
    kubectl.until("deployment", external, lambda one: wanted(one) == 1, "told to have one pod", DEADLINE)
    until_ready(kubectl, external, 1)
