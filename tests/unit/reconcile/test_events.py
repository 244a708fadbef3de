"""Events of changed reasons: what they say, and how many there may be."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sirocco_operator.reconcile.events import BURST, NOTE_LIMIT, REFILL_SECONDS, PacedEvents, reason_event

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 20, 55, 7, 123, tzinfo=UTC)
METADATA = {"name": "mistral", "namespace": "default", "uid": "4f1c"}


def status(reason: str, message: str = "") -> dict[str, Any]:
    return {"reason": reason, "message": message}


class Clock:
    """Time that a test moves."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def add(to: PacedEvents, reason: str, uid: str = "4f1c") -> None:
    to.add(uid, {"reason": reason})


def reasons(of: PacedEvents) -> list[str]:
    return [event["reason"] for event in of.take()]


def test_an_event_tells_the_reason_and_the_message() -> None:
    event = reason_event(METADATA, status("Loading", "the engine loads"), "operator-0", NOW)

    assert event.pop("metadata")["namespace"] == "default"
    assert event == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "eventTime": "2026-11-23T20:55:07.000123Z",
        "reportingController": "sirocco-operator",
        "reportingInstance": "operator-0",
        "action": "Reconcile",
        "reason": "Loading",
        "regarding": {
            "apiVersion": "inference.sirocco.dev/v1alpha1",
            "kind": "InferenceModel",
            "namespace": "default",
            "name": "mistral",
            "uid": "4f1c",
        },
        "note": "the engine loads",
        "type": "Normal",
    }


def test_what_somebody_must_act_on_is_a_warning() -> None:
    kinds = {
        reason: reason_event(METADATA, status(reason), "operator-0", NOW)["type"]
        for reason in (
            "ImagePull",
            "WaitingForGPU",
            "EngineCrashed",
            "InvalidSpec",
            "Ready",
            "Stopped",
            "Downloading",
        )
    }

    assert [reason for reason, kind in kinds.items() if kind == "Warning"] == [
        "ImagePull",
        "WaitingForGPU",
        "EngineCrashed",
        "InvalidSpec",
    ]


def test_a_note_keeps_the_api_servers_limit_in_bytes() -> None:
    note = reason_event(METADATA, status("Ready", "€" * 1024), "operator-0", NOW)["note"]

    assert len(note.encode()) <= NOTE_LIMIT
    assert note == "€" * (NOTE_LIMIT // 3)


def test_a_start_from_nothing_is_told_step_by_step() -> None:
    of = PacedEvents(Clock())
    steps = ["Starting", "PullingImage", "Downloading", "Loading", "Ready"]

    for step in steps:
        add(of, step)

    assert reasons(of) == steps


def test_a_model_that_goes_back_and_forth_makes_a_few_events_a_minute() -> None:
    clock = Clock()
    of = PacedEvents(clock)
    written = []
    for second in range(600):
        clock.seconds = float(second)
        add(of, "Ready" if second % 2 else "PodsUnhealthy")
        written += reasons(of)

    assert len(written) <= BURST + 600 / REFILL_SECONDS


def test_the_last_of_many_changes_is_told_in_the_end() -> None:
    clock = Clock()
    of = PacedEvents(clock)
    for _ in range(20):
        add(of, "PodsUnhealthy")
    add(of, "Ready")

    assert "Ready" not in reasons(of)
    clock.seconds = REFILL_SECONDS
    assert reasons(of) == ["Ready"]
    clock.seconds *= 10
    assert reasons(of) == []


def test_one_restless_model_leaves_the_others_their_events() -> None:
    of = PacedEvents(Clock())
    for _ in range(20):
        add(of, "PodsUnhealthy", "restless")
    of.take()

    add(of, "Ready", "calm")

    assert reasons(of) == ["Ready"]
