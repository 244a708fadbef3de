"""Kubernetes Events on models: one at each change of reason, as `kubectl describe` shows them."""

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sirocco_operator.controller.leader import Fenced
from sirocco_operator.kube.client import FIELD_MANAGER, Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import MODEL, MODEL_EVENT
from sirocco_operator.status.reasons import MEANINGS, Reason, Stage

log = logging.getLogger(__name__)

# Changes of one model that are told at once, and seconds until one more is: enough for a start from nothing,
# and three a minute of a model that goes back and forth.
BURST: Final = 6
REFILL_SECONDS: Final = 20.0
# Events that wait to be written; the oldest give way.
_QUEUED: Final = 1000
# The API server's limit of a note, in bytes.
NOTE_LIMIT: Final = 1024

# The stages that nobody must do anything about.
_QUIET: Final = (Stage.SETTLED, Stage.WORKING)


@dataclass(frozen=True)
class _Allowance:
    """How many events of a model may be written, as of a time."""

    left: float
    at: float

    def refilled(self, now: float) -> "_Allowance":
        return _Allowance(min(BURST, self.left + (now - self.at) / REFILL_SECONDS), now)


class PacedEvents:
    """Events that wait to be written: all of a calm model, and of a restless one the newest now and then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._allowances: dict[str, _Allowance] = {}
        self._held: dict[str, dict[str, Any]] = {}
        self._due: deque[dict[str, Any]] = deque(maxlen=_QUEUED)

    @property
    def holds_back(self) -> bool:
        """Whether an event waits for its time."""
        return bool(self._held)

    def add(self, uid: str, event: dict[str, Any]) -> None:
        """Add an event of the model with this uid; one of its own that was held back is old news now."""
        self._held.pop(uid, None)
        if self._may(uid):
            self._due.append(event)
        else:
            self._held[uid] = event

    def take(self) -> list[dict[str, Any]]:
        """The events that may be written now, once."""
        for uid in [uid for uid in self._held if self._may(uid)]:
            self._due.append(self._held.pop(uid))
        events = list(self._due)
        self._due.clear()
        now = self._clock()
        self._allowances = {
            uid: allowance
            for uid, allowance in self._allowances.items()
            if allowance.refilled(now).left < BURST
        }
        return events

    def _may(self, uid: str) -> bool:
        now = self._clock()
        allowance = self._allowances.get(uid, _Allowance(BURST, now)).refilled(now)
        allowed = allowance.left >= 1
        self._allowances[uid] = _Allowance(allowance.left - allowed, now)
        return allowed


class EventRecorder:
    """Writes events beside the passes, which never wait for one, nor fail by one."""

    def __init__(self, kube: Kube, instance: str) -> None:
        self._kube = kube
        self._instance = instance
        self._events = PacedEvents()
        self._news = asyncio.Event()
        self._failure = ""

    def record(self, metadata: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        """Tell that the model with this metadata has the reason and message of this status."""
        event = reason_event(metadata, status, self._instance, datetime.now(UTC))
        self._events.add(str(metadata["uid"]), event)
        self._news.set()

    async def run(self) -> None:
        """Write what is recorded until cancelled."""
        while True:
            for event in self._events.take():
                await self._write(event)
            with suppress(TimeoutError):
                async with asyncio.timeout(REFILL_SECONDS / 4 if self._events.holds_back else None):
                    await self._news.wait()
            self._news.clear()

    async def _write(self, event: dict[str, Any]) -> None:
        try:
            await self._kube.create(MODEL_EVENT, event)
        except (ApiError, Fenced) as error:
            # The same for each model, e.g. a right that is missing: told once.
            if str(error) != self._failure:
                log.warning("an event of %s is not written: %s", event["regarding"]["name"], error)
            self._failure = str(error)


def reason_event(
    metadata: Mapping[str, Any], status: Mapping[str, Any], instance: str, now: datetime
) -> dict[str, Any]:
    """The event that tells a status's reason; a Warning where somebody must act, else Normal."""
    reason = Reason(status["reason"])
    name, namespace = metadata["name"], metadata["namespace"]
    return {
        "apiVersion": MODEL_EVENT.api_version,
        "kind": MODEL_EVENT.kind,
        "metadata": {"name": f"{name}.{secrets.token_hex(8)}", "namespace": namespace},
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": FIELD_MANAGER,
        "reportingInstance": instance,
        "action": "Reconcile",
        "reason": str(reason),
        "regarding": {
            "apiVersion": MODEL.api_version,
            "kind": MODEL.kind,
            "namespace": namespace,
            "name": name,
            "uid": metadata["uid"],
        },
        "note": str(status.get("message", "")).encode()[:NOTE_LIMIT].decode(errors="ignore"),
        "type": "Normal" if MEANINGS[reason].stage in _QUIET else "Warning",
    }
