"""A real prometheus-operator takes up what the chart and the operator deliver, and alerts fire and end.

The alerts' minutes are seconds here: Prometheus is given the chart's own rules, `hurried`.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.e2e import leader, models, release
from tests.e2e.client import Client
from tests.e2e.diagnosis import diagnose
from tests.e2e.kubectl import Kubectl, Object
from tests.e2e.namespaces import fresh_namespace
from tests.e2e.prometheus import monitoring_apis
from tests.e2e.replicas import until_ready
from tests.integrations import monitoring_stack
from tests.integrations.monitoring_stack import LABEL, Stack
from tests.integrations.webhook import webhook
from tests.monitoring.rules import rules
from tests.waiting import eventually

NAMESPACE: Final = "sirocco-monitored"
STACK: Final = "sirocco-monitoring"
RELEASE: Final = "stack"
VALUES: Final = {
    **release.VALUES,
    "serviceMonitor": {"labels": {LABEL: RELEASE}, "interval": "2s"},
    "prometheusRule": {"labels": {LABEL: RELEASE}},
}
GUARDED: Final = "guarded"
BUSY: Final = "busy"
LATE: Final = "late"
UNAVAILABLE: Final = "SiroccoModelUnavailable"
QUEUE: Final = "SiroccoQueueWaitHigh"
# 3 seconds a streamed answer: of eight clients, seven wait longer than the objective's 2 seconds.
TOKEN_SECONDS: Final = {"name": "STANDIN_TOKEN_SECONDS", "value": "0.05"}
TOKENS: Final = 64


@pytest.fixture(scope="module")
def stack(operator: Kubectl) -> Iterator[Stack]:
    """prometheus-operator, Prometheus and Alertmanager, and a release that is told what they select by."""
    eventually(lambda: leader.name(operator), 60, "an operator to lead")
    with (
        monitoring_apis(Kubectl(), operator, VALUES, monitoring_stack.KINDS),
        fresh_namespace(Kubectl(STACK)) as kubectl,
        webhook() as told,
        monitoring_stack.running(kubectl, RELEASE, told) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def kubectl(stack: Stack) -> Iterator[Kubectl]:
    """The models' namespace."""
    with fresh_namespace(Kubectl(NAMESPACE)) as kubectl:
        yield kubectl
        kubectl.delete("imodel", "--all")


@pytest.fixture(scope="module")
def guarded(kubectl: Kubectl) -> str:
    """A model whose metrics are only for who has its internal key."""
    kubectl.apply(keys(GUARDED), models.stand_in(GUARDED, access={"keysSecretName": GUARDED}))
    until_ready(kubectl, GUARDED, 1)
    return GUARDED


@pytest.fixture(scope="module")
def busy(kubectl: Kubectl) -> str:
    """A model without keys that serves one request at a time, slowly."""
    kubectl.apply(models.stand_in(BUSY, engine={"env": [TOKEN_SECONDS]}, limits={"inFlight": 1}))
    until_ready(kubectl, BUSY, 1)
    return BUSY


@pytest.fixture(scope="module")
def hurried(stack: Stack) -> Stack:
    """Prometheus with the chart's rules for models, whose minutes have become seconds."""
    rule = Kubectl(release.NAMESPACE).get("prometheusrule", f"{release.NAME}-models")
    assert rule
    metadata = {"name": rule["metadata"]["name"], "labels": {LABEL: "hurried"}}
    stack.kubectl.apply({**rule, "metadata": metadata, "spec": in_seconds(rule["spec"])})
    stack.select_rules("hurried")
    eventually(
        lambda: durations(stack)[UNAVAILABLE] == {10},
        180,
        lambda: f"the hurried rules\n{diagnose([STACK])}",
        1,
    )
    return stack


def in_seconds(spec: Object) -> Object:
    """The rules with windows of half a minute for those of five, and the two alerts after ten seconds."""
    changed: Object = json.loads(json.dumps(spec).replace("[5m]", "[30s]"))
    for group in changed["groups"]:
        for rule in group["rules"]:
            if rule.get("alert") in {UNAVAILABLE, QUEUE}:
                rule["for"] = "10s"
    return changed


def durations(stack: Stack) -> dict[str, set[float]]:
    """After how many seconds each alert fires, of the rules that Prometheus has."""
    found: dict[str, set[float]] = {}
    for group in stack.prometheus.ask("rules")["groups"]:
        for rule in group["rules"]:
            if rule["type"] == "alerting":
                found.setdefault(rule["name"], set()).add(rule["duration"])
    return found


def keys(name: str) -> dict[str, Any]:
    """A Secret with somebody's key."""
    entry = json.dumps({"sha256": hashlib.sha256(b"sk-sirocco-" + b"e" * 43).hexdigest()})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": {"alice": entry},
    }


def until_told(stack: Stack, alert: str, model: str, state: str) -> None:
    """Wait for the newest notification about a model; there must have been none other like it."""
    labels = {"alertname": alert, "namespace": NAMESPACE, "model": model}
    expected = ["firing", "resolved"][: ["firing", "resolved"].index(state) + 1]

    def shown() -> str:
        alerts = stack.prometheus.ask("alerts")["alerts"]
        return f"{alert} to be {state}; Prometheus: {alerts}\n{diagnose([STACK, NAMESPACE])}"

    eventually(lambda: stack.webhook.told(labels)[-1:] == [state], 180, shown, 0.5)
    assert stack.webhook.told(labels) == expected
    assert len(stack.alerts(labels)) == (1 if state == "firing" else 0)


def test_rules_of_the_chart_are_loaded_whole(stack: Stack) -> None:
    expected = sorted(rule.get("alert") or rule["record"] for rule in rules())

    def loaded() -> bool:
        found = [rule for group in stack.prometheus.ask("rules")["groups"] for rule in group["rules"]]
        assert sorted(rule["name"] for rule in found) == expected
        assert not [rule for rule in found if rule.get("lastError")]
        return True

    eventually(loaded, 180, lambda: f"the chart's rules in Prometheus\n{diagnose([STACK])}", 1)
    assert durations(stack)[UNAVAILABLE] == {900}


def test_models_and_operator_are_scraped_each_with_its_own_settings(
    stack: Stack, guarded: str, busy: str
) -> None:
    def up() -> bool:
        # Of models that others keep in this cluster nothing is asked.
        targets = [
            one
            for one in stack.prometheus.ask("targets")["activeTargets"]
            if one["labels"]["namespace"] in {NAMESPACE, release.NAMESPACE}
        ]
        assert {
            (one["labels"]["namespace"], one["labels"]["job"], one["labels"].get("model")) for one in targets
        } == {
            (NAMESPACE, guarded, guarded),
            (NAMESPACE, busy, busy),
            (release.NAMESPACE, release.OPERATOR, None),
        }
        down = {one["scrapeUrl"]: one["lastError"] for one in targets if one["health"] != "up"}
        assert not down, down
        return True

    eventually(up, 180, lambda: f"every target to be up\n{diagnose([STACK, NAMESPACE])}", 1)
    assert stack.prometheus.values(f'sirocco_operator_model_ready{{model="{guarded}"}}') == [1]


def test_a_model_that_is_not_ready_is_told_once_and_so_is_its_recovery(
    hurried: Stack, kubectl: Kubectl
) -> None:
    kubectl.apply(models.stand_in(LATE, access={"keysSecretName": LATE}))
    until_told(hurried, UNAVAILABLE, LATE, "firing")
    kubectl.apply(keys(LATE))
    until_ready(kubectl, LATE, 1)
    until_told(hurried, UNAVAILABLE, LATE, "resolved")


def test_a_high_wait_in_the_queue_is_told_once_and_so_is_its_end(
    hurried: Stack, kubectl: Kubectl, busy: str
) -> None:
    client = Client(kubectl)
    client.start()
    with client.load(busy, clients=8, tokens=TOKENS):
        until_told(hurried, QUEUE, busy, "firing")
    until_told(hurried, QUEUE, busy, "resolved")
