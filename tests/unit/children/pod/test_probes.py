"""Probes tell loading, ready, draining and dead apart; a hook stops the pod."""

from typing import Any

import pytest

from tests.unit.children.rendering import a_model, children, engine, environment, pod

pytestmark = pytest.mark.unit


def _budget(probe: dict[str, Any]) -> int:
    seconds: int = probe["periodSeconds"] * probe["failureThreshold"]
    return seconds


def test_an_engine_may_take_half_an_hour_to_load() -> None:
    probe = engine()["startupProbe"]
    assert probe["httpGet"] == {"path": "/ready", "port": "http"}
    assert (probe["periodSeconds"], _budget(probe)) == (5, 1800)


@pytest.mark.parametrize(("seconds", "given"), [(60, 60), (62, 65), (7200, 7200)])
def test_the_startup_budget_is_the_models(seconds: int, given: int) -> None:
    startup = {"budgetSeconds": seconds}
    assert _budget(engine(startup=startup)["startupProbe"]) == given
    assert environment(engine(startup=startup))["VLLM_ENGINE_READY_TIMEOUT_S"] == str(seconds)
    deadline = children(a_model(startup=startup))["Deployment"]["spec"]["progressDeadlineSeconds"]
    assert deadline == seconds + 600


def test_a_pod_gets_requests_only_while_it_is_ready() -> None:
    probe = engine()["readinessProbe"]
    assert probe["httpGet"] == {"path": "/ready", "port": "http"}
    assert probe["periodSeconds"] == 5


def test_an_engine_that_is_dead_for_a_minute_is_restarted() -> None:
    probe = engine()["livenessProbe"]
    assert probe["httpGet"] == {"path": "/live", "port": "http"}
    assert (probe["periodSeconds"], _budget(probe)) == (10, 60)


def test_a_stopped_pod_first_serves_on() -> None:
    assert engine()["lifecycle"] == {"preStop": {"sleep": {"seconds": 10}}}


def test_the_grace_period_covers_sleep_settle_drain_and_exit() -> None:
    assert pod()["terminationGracePeriodSeconds"] == 10 + 6 + 600 + 30


def test_the_drain_is_the_models() -> None:
    drain = {"timeoutSeconds": 30}
    assert pod(drain=drain)["terminationGracePeriodSeconds"] == 10 + 6 + 30 + 30


def test_a_rollout_is_not_given_up_before_the_engine_may_be_ready() -> None:
    deadline = children(a_model())["Deployment"]["spec"]["progressDeadlineSeconds"]
    assert deadline > _budget(engine()["startupProbe"])
