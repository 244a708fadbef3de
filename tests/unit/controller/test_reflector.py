"""A list, then the events after it, and a list again where events may have been missed."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from sirocco_operator.controller.reflector import Chunk, Expired, Reflector
from sirocco_operator.controller.store import Manifest
from tests.waiting import eventually_beside

pytestmark = pytest.mark.unit


def thing(name: str, version: int) -> dict[str, Any]:
    return {
        "kind": "Thing",
        "metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)},
    }


def line(kind: str, manifest: Manifest, separators: tuple[str, str] = (",", ":")) -> bytes:
    """An event as the API server writes it, unless other separators are given."""
    return json.dumps({"type": kind, "object": manifest}, separators=separators).encode()


@dataclass
class Script:
    """Lists and watches, each in its turn; a watch after the last one never ends."""

    lists: list[list[Chunk]]
    watches: list[list[list[bytes]] | Exception]
    watched_from: list[int] = field(default_factory=list)

    async def list(self) -> AsyncIterator[Chunk]:
        for chunk in self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]:
            yield chunk

    async def watch(self, version: int) -> AsyncGenerator[Sequence[bytes], None]:
        self.watched_from.append(version)
        if not self.watches:
            await asyncio.Event().wait()
        answer = self.watches.pop(0)
        if isinstance(answer, Exception):
            raise answer
        for batch in answer:
            yield batch


@dataclass
class Notes:
    """What a sink was given."""

    seen: list[tuple[Any, ...]] = field(default_factory=list)

    def put(self, manifest: dict[str, Any], text: bytes = b"") -> None:
        if text:
            assert json.loads(text) == manifest
        self.seen.append(("put", manifest["metadata"]["name"], bool(text)))

    def remove(self, manifest: Manifest) -> None:
        self.seen.append(("remove", manifest["metadata"]["name"]))

    def keep(self, present: set[str], version: int) -> None:
        self.seen.append(("keep", sorted(present), version))


def reflect(script: Script, until: int, relist_seconds: float = 3600, notes: Notes | None = None) -> Notes:
    """Run a reflector until its sink was told so many things."""
    notes = notes or Notes()

    async def run() -> None:
        task = asyncio.create_task(
            Reflector("things", script, notes, relist_seconds, asyncio.Semaphore(1)).run()
        )
        await eventually_beside(lambda: len(notes.seen) >= until, 10)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())
    return notes


LISTED = [Chunk([thing("a", 3)], 5), Chunk([thing("b", 4)], 6)]


def test_a_list_is_taken_in_whole_and_watched_from_its_oldest_version() -> None:
    script = Script([LISTED], [[[line("ADDED", thing("c", 7))]]])
    seen = reflect(script, 4).seen
    assert seen[:3] == [("put", "a", False), ("put", "b", False), ("keep", ["uid-a", "uid-b"], 5)]
    assert script.watched_from[0] == 5


def test_events_reach_the_sink_with_their_text() -> None:
    events = [line("ADDED", thing("c", 7)), line("MODIFIED", thing("a", 8)), line("DELETED", thing("b", 9))]
    seen = reflect(Script([LISTED], [[events[:2], events[2:]]]), 6).seen
    assert seen[3:] == [("put", "c", True), ("put", "a", True), ("remove", "b")]


def test_an_event_that_is_written_otherwise_is_taken_in_without_text() -> None:
    event = line("ADDED", thing("c", 7), separators=(", ", ": "))
    assert reflect(Script([LISTED], [[[event]]]), 4).seen[3] == ("put", "c", False)


def test_a_watch_that_ends_goes_on_from_the_last_version_even_of_a_bookmark() -> None:
    bookmark = {"kind": "Thing", "metadata": {"resourceVersion": "40"}}
    script = Script([LISTED], [[[line("BOOKMARK", bookmark)]], [[line("ADDED", thing("c", 41))]]])
    assert reflect(script, 4).seen[3] == ("put", "c", True)
    assert script.watched_from[:2] == [5, 40]


@pytest.mark.parametrize(
    "watch",
    [
        [[line("ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"})]],
        Expired("the objects are listed again"),
    ],
    ids=["an error event", "expired"],
)
def test_a_watch_that_cannot_go_on_begins_with_a_list(watch: Any) -> None:
    script = Script([LISTED, [Chunk([thing("b", 4)], 12)]], [watch])
    seen = reflect(script, 5).seen
    assert seen[3:] == [("put", "b", False), ("keep", ["uid-b"], 12)]


def test_a_watch_that_breaks_goes_on_where_it_was() -> None:
    script = Script([LISTED], [OSError("connection reset"), [[line("ADDED", thing("c", 41))]]])
    assert reflect(script, 4).seen[3:] == [("put", "c", True)]
    assert script.watched_from[:2] == [5, 5]


def test_everything_is_listed_again_from_time_to_time() -> None:
    seen = reflect(Script([LISTED], []), 9, relist_seconds=0.01).seen
    assert [what[0] for what in seen].count("keep") == 3


class Fastidious(Notes):
    """A sink that cannot take in `bad`."""

    def put(self, manifest: dict[str, Any], text: bytes = b"") -> None:
        if manifest["metadata"]["name"] == "bad":
            raise TypeError("Recursion limit reached")
        super().put(manifest, text)


def test_an_object_that_cannot_be_taken_in_holds_up_no_other() -> None:
    listed = [Chunk([thing("bad", 2), thing("a", 3)], 5)]
    events = [line("MODIFIED", thing("bad", 6)), line("ADDED", thing("c", 7))]
    seen = reflect(Script([listed], [[events]]), 3, notes=Fastidious()).seen
    assert seen == [("put", "a", False), ("keep", ["uid-a", "uid-bad"], 5), ("put", "c", True)]


def test_after_an_event_that_cannot_be_read_the_objects_are_listed_again() -> None:
    script = Script([LISTED, [Chunk([thing("b", 4)], 12)]], [[[b"[" * 2000]]])
    assert reflect(script, 5).seen[3:] == [("put", "b", False), ("keep", ["uid-b"], 12)]
