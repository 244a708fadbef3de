"""What is known of each child since its last write, so that nothing is written in vain, nor in a hot loop."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from sirocco_operator.children.labels import MODEL_LABEL
from sirocco_operator.controller.store import Identity, Key, Manifest, identity
from sirocco_operator.reconcile.diff import Cause, Difference, written_from

# Repairs in a row that are made at once: a person edits seldom, a controller without an end.
_AT_ONCE: Final = 10
# From then on each waits twice as long as the one before, in seconds, until nothing was to repair a while.
_FIRST_SECONDS: Final = 1.0
_LONGEST_SECONDS: Final = 300.0
_CALM_SECONDS: Final = 2 * _LONGEST_SECONDS
# The hash of no value.
_UNSETTLED: Final = object()


@dataclass(frozen=True)
class _Child:
    """`settled`: the paths that differed right after our own write, and a hash of the value of each."""

    uid: str
    manifest: str
    settled: Mapping[str, int]
    repairs: int = 0
    at: float = 0.0


class Settled:
    """Tells a difference that our own write left from one that others made since.

    A webhook, or a default inside a list that is replaced as a whole, makes another value of what we write;
    writing it again would change nothing. After a restart that is told by the object itself: its annotation
    names the manifest that it was last written from, and others would have taken the path's ownership.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._children: dict[Key, dict[Identity, _Child]] = {}

    def open(self, wanted: Manifest, live: Manifest, found: Sequence[Difference]) -> Difference | None:
        """The first difference that a write has to put right."""
        child = self._known(wanted, live)
        if child is None:
            child = self._keep(wanted, live, _left_by_the_api(wanted, live, found))
        return next(
            (each for each in found if child.settled.get(each.path, _UNSETTLED) != _hash(each.value)), None
        )

    def created(self, wanted: Manifest, live: Manifest, found: Sequence[Difference]) -> Difference | None:
        """Take in what became of a create; as `open`."""
        left = _left_by_the_api(wanted, live, found)
        child = self._keep(wanted, live, left, self._repairs(self._before(wanted), wanted), self._clock())
        return next((each for each in found if each.path not in child.settled), None)

    def applied(self, wanted: Manifest, live: Manifest, found: Sequence[Difference]) -> None:
        """Take in what became of an apply: whatever still differs is not ours to decide.

        What others have added is no part of that: they were faster than the apply.
        """
        left = [each for each in found if each.cause is not Cause.FOREIGN]
        repairs = self._repairs(self._known(wanted, live), wanted)
        self._keep(wanted, live, left, repairs, self._clock())

    def wait(self, wanted: Manifest, live: Manifest, difference: Difference) -> float:
        """In how many seconds the difference may be put right; 0 for at once."""
        child = self._known(wanted, live)
        # A webhook that makes another value each time would do so at once again.
        at_once = 1 if difference.cause is Cause.API else _AT_ONCE
        return self._wait(child, wanted, at_once)

    def wait_to_create(self, wanted: Manifest) -> float:
        """In how many seconds a child that is gone may be made again; 0 for at once."""
        return self._wait(self._before(wanted), wanted, _AT_ONCE)

    def forget(self, key: Key) -> None:
        """Drop what is kept of the children of a model that is gone."""
        self._children.pop(key, None)

    def _repairs(self, before: _Child | None, wanted: Manifest) -> int:
        """How many repairs in a row another write is, from the same manifest as `before`."""
        if before is None or before.manifest != written_from(wanted):
            return 0
        return 0 if self._clock() - before.at > _CALM_SECONDS else before.repairs + 1

    def _wait(self, child: _Child | None, wanted: Manifest, at_once: int) -> float:
        if child is None or child.manifest != written_from(wanted) or child.repairs < at_once:
            return 0.0
        doublings = min(child.repairs - at_once, 16)
        seconds = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0**doublings)
        return max(0.0, child.at + seconds - self._clock())

    def _before(self, wanted: Manifest) -> _Child | None:
        """The last known object of a child's name, whichever it was."""
        return self._children.get(_model(wanted), {}).get(identity(wanted))

    def _known(self, wanted: Manifest, live: Manifest) -> _Child | None:
        child = self._before(wanted)
        return child if child is not None and child.uid == live["metadata"]["uid"] else None

    def _keep(
        self,
        wanted: Manifest,
        live: Manifest,
        settled: Sequence[Difference],
        repairs: int = 0,
        at: float = 0.0,
    ) -> _Child:
        hashes = {each.path: _hash(each.value) for each in settled}
        child = _Child(live["metadata"]["uid"], written_from(wanted), hashes, repairs, at)
        self._children.setdefault(_model(wanted), {})[identity(wanted)] = child
        return child


def _left_by_the_api(wanted: Manifest, live: Manifest, found: Sequence[Difference]) -> Sequence[Difference]:
    if written_from(wanted) != written_from(live):
        return ()
    return [each for each in found if each.cause is Cause.API]


def _hash(value: Any) -> int:
    return hash(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


def _model(manifest: Manifest) -> Key:
    metadata = manifest["metadata"]
    return Key(metadata["namespace"], (metadata.get("labels") or {}).get(MODEL_LABEL, ""))
