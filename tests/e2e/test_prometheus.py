"""A real Prometheus scrapes models and operator by their ServiceMonitors, and answers every query."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from typing import Final

import pytest

from tests.e2e import models, release
from tests.e2e.client import Client
from tests.e2e.conftest import SharedModel
from tests.e2e.kubectl import Kubectl
from tests.e2e.prometheus import Prometheus, monitoring_apis
from tests.e2e.release import Release
from tests.e2e.replicas import until_ready
from tests.monitoring import dashboards, names
from tests.monitoring.rules import objects, rules
from tests.waiting import eventually

pytestmark = pytest.mark.alone

GUARDED: Final = "guarded"
KEY: Final = "sk-sirocco-" + "e" * 43
DEADLINE: Final = 150
# Shorter than an installation's, so that no test waits for two scrapes.
SCRAPED_EVERY: Final = "2s"
_ASK: Final = """
import sys
import httpx
url, key = sys.argv[1:]
answer = httpx.post(url, json={"prompt": "x", "max_tokens": 3, "stream": False},
                    headers={"Authorization": f"Bearer {key}"}, timeout=60)
print(answer.status_code)
"""


@pytest.fixture(scope="module")
def guarded(kubectl: Kubectl) -> Iterator[str]:
    """A model with keys, limits and autoscaling: the stand-in behind the real serving layer."""
    entry = json.dumps({"sha256": hashlib.sha256(KEY.encode()).hexdigest()})
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": GUARDED}}
    kubectl.apply(
        {**secret, "stringData": {"alice": entry}},
        models.stand_in(
            GUARDED,
            access={"keysSecretName": GUARDED},
            limits={"inFlight": 2},
            autoscaling={"maxReplicas": 1},
        ),
    )
    until_ready(kubectl, GUARDED, 1)
    yield GUARDED
    kubectl.delete("imodel", GUARDED)
    kubectl.delete("secret", GUARDED)


class Traffic:
    """Requests to both models, and work for the operator, so that every counter moves."""

    def __init__(self, client: Client, shared: str) -> None:
        self._client = client
        self._shared = shared
        self._numbers = itertools.count()

    def __call__(self) -> None:
        """Some requests: answered, refused, and with a wrong key; and a change that the operator looks at."""
        change = f"e2e.sirocco.dev/change={next(self._numbers)}"
        self._client.kubectl.run("annotate", "imodel", GUARDED, change, "--overwrite")
        self._client.chat(self._shared, "Count to five.", tokens=5)
        assert (
            self._client.ask(f"http://{self._shared}.{self._client.kubectl.namespace}.svc/no").status == 404
        )
        assert self._keyed(KEY) == 200
        assert self._keyed("wrong") == 401

    def _keyed(self, key: str) -> int:
        url = f"http://{GUARDED}.{self._client.kubectl.namespace}.svc/generate"
        return int(self._client.kubectl.execute(self._client.name, "python3", "-c", _ASK, url, key))


@pytest.fixture(scope="module")
def prometheus(
    kubectl: Kubectl, operator: Kubectl, shared: SharedModel, guarded: str
) -> Iterator[Prometheus]:
    """Prometheus with all that the operator and the chart made for it."""
    with monitoring_apis(kubectl, operator):
        monitors = [
            kubectl.until("servicemonitor", shared.name, lambda one: one, "there"),
            kubectl.until("servicemonitor", guarded, lambda one: one, "there"),
            operator.until("servicemonitor", release.OPERATOR, lambda one: one, "there"),
        ]
        found = operator.list("prometheusrules")
        prometheus = Prometheus(kubectl)
        with prometheus.running(monitors, found, [f"{guarded}-internal"], SCRAPED_EVERY):
            yield prometheus
    Release().install()
    kubectl.until("imodel", shared.name, lambda one: models.reason(one) == "Ready", "ready")


@pytest.fixture
def traffic(client: Client, shared: SharedModel, prometheus: Prometheus) -> Traffic:
    """Requests to both models."""
    return Traffic(client, shared.name)


def until_answered(prometheus: Prometheus, queries: dict[str, list[str]], traffic: Traffic) -> None:
    """Keep asking, under traffic, until of each query's expressions one has a value."""
    left = dict(queries)

    def answered() -> bool:
        traffic()
        for what, expressions in list(left.items()):
            if any(prometheus.values(expression) for expression in expressions):
                del left[what]
        return not left

    eventually(answered, DEADLINE, lambda: f"values of {json.dumps(left, indent=1)}", interval=2)


def test_definitions_of_the_kinds_take_rules_and_monitors_whole(
    prometheus: Prometheus, operator: Kubectl, kubectl: Kubectl, guarded: str
) -> None:
    for wanted in objects():
        found = operator.get("prometheusrule", wanted["metadata"]["name"])
        assert found
        assert found["spec"] == wanted["spec"]
    monitor = kubectl.get("servicemonitor", guarded)
    assert monitor
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["relabelings"][0]["targetLabel"] == "model"
    assert endpoint["authorization"]["credentials"] == {"name": f"{guarded}-internal", "key": "key"}


def test_every_target_is_scraped_with_its_own_settings(prometheus: Prometheus, guarded: str) -> None:
    def up() -> bool:
        targets = prometheus.ask("targets")["activeTargets"]
        assert {one["labels"]["job"] for one in targets} == {"shared", guarded, release.OPERATOR}
        down = {one["scrapeUrl"]: one["lastError"] for one in targets if one["health"] != "up"}
        assert not down, down
        return True

    eventually(up, DEADLINE, "every target to be up", interval=1)


def test_every_metric_that_is_read_is_there(prometheus: Prometheus, traffic: Traffic) -> None:
    # That one has a value only while a namespace is not served.
    wanted = (names.VLLM | names.SERVING | names.OPERATOR) - {"sirocco_operator_namespace_unserved"}
    queries = {name: [name, f"{name}_bucket"] for name in wanted}
    until_answered(prometheus, queries, traffic)


@pytest.mark.parametrize("name", dashboards.NAMES)
def test_every_panel_shows_something(
    name: str, prometheus: Prometheus, traffic: Traffic, kubectl: Kubectl, shared: SharedModel, guarded: str
) -> None:
    operators = {"namespace": release.NAMESPACE, "job": release.OPERATOR}
    chosen = {
        "fleet": [{"namespace": ".+"}],
        "model": [{"namespace": kubectl.namespace, "model": model} for model in (shared.name, guarded)],
        "operator": [operators],
    }
    queries = {
        f"{query.panel}: {query.expr}": [
            query.filled({**variables, "__rate_interval": "1m"}) for variables in chosen[name]
        ]
        for query in dashboards.queries(name)
    }
    until_answered(prometheus, queries, traffic)


def test_every_recorded_series_is_there(prometheus: Prometheus, traffic: Traffic) -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    until_answered(prometheus, {name: [name] for name in recorded}, traffic)


def test_no_rule_fails(prometheus: Prometheus) -> None:
    groups = prometheus.ask("rules")["groups"]
    failing = {
        rule["name"]: rule["lastError"]
        for group in groups
        for rule in group["rules"]
        if rule.get("lastError")
    }
    assert sum(len(group["rules"]) for group in groups) == len(list(rules()))
    assert not failing


def test_nothing_fires_of_what_is_well(prometheus: Prometheus, shared: SharedModel) -> None:
    firing = [one["labels"] for one in prometheus.ask("alerts")["alerts"] if one["state"] == "firing"]
    assert [one for one in firing if one.get("model") == shared.name] == []
