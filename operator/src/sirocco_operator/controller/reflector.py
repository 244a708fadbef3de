"""Follows the objects of one kind: lists them, watches them, and lists them again from time to time."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from sirocco_operator.controller.backoff import Backoff
from sirocco_operator.controller.store import Manifest

log = logging.getLogger(__name__)

# A watch that ends sooner is followed by a pause: the server may be ending.
_SHORTEST_SECONDS: Final = 0.5


class Expired(Exception):  # noqa: N818 -- the API's word
    """A watch cannot go on from its version: the objects have to be listed again."""


class Denied(Exception):  # noqa: N818 -- an answer, not a fault of the program
    """The objects may not be read, until somebody changes that."""


@dataclass(frozen=True)
class Chunk:
    """A part of a list: its objects and the version at which the whole list is true."""

    objects: Sequence[dict[str, Any]]
    version: int


class Source(Protocol):
    """Gives the objects of one kind, in one namespace or in all."""

    def list(self) -> AsyncIterator[Chunk]:
        """All objects, in chunks. Raises Denied."""

    def watch(self, version: int) -> AsyncGenerator[Sequence[bytes], None]:
        """The events after a version, as lines of JSON in batches, until the API server ends the watch.

        The first batch may be empty: it tells that the watch has begun. Raises Expired and Denied.
        """


class Sink(Protocol):
    """Takes in the objects."""

    def put(self, manifest: dict[str, Any], text: bytes = b"") -> None:
        """The object exists in this version; `text` is it as JSON, where that is at hand."""

    def remove(self, manifest: Manifest) -> None:
        """The object was deleted."""

    def keep(self, present: set[str], version: int) -> None:
        """A list at this version had the objects with these uids, and no others."""


class Reflector:
    """One source and its sink; `synced` is set after the first list, `tried` also if that may not be read.

    `denied` is what the API server says while the objects may not be read, else empty.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        sink: Sink,
        relist_seconds: float,
        listing: asyncio.Semaphore,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """List again every `relist_seconds`, even when the watch has missed nothing.

        `listing` bounds how many reflectors list at a time: each holds a chunk of objects in memory.
        `changed` is called when `synced` or `denied` has changed.
        """
        self._name = name
        self._source = source
        self._sink = sink
        self._relist_seconds = relist_seconds
        self._listing = listing
        self._backoff = Backoff(first=0.5)
        self._failures = 0
        self._changed = changed
        self.synced = asyncio.Event()
        self.tried = asyncio.Event()
        self.denied = ""

    async def run(self) -> None:
        """List and watch until cancelled; an outage is waited out."""
        while True:
            try:
                async with self._listing:
                    version = await self._list()
                self._tell(denied="")
                # At random distances: replicas that started together must not list together.
                async with asyncio.timeout(self._relist_seconds * random.uniform(0.8, 1.2)):  # noqa: S311
                    await self._watch(version)
            except TimeoutError:
                continue
            except Expired as reason:
                log.info("%s are listed again: %s", self._name, reason)
                # A server that says so each time must not be asked without a pause.
                await asyncio.sleep(self._backoff.delay(1))
            except Denied as reason:
                self._tell(str(reason))
                await self._pause()
            except Exception as error:
                log.warning("%s cannot be listed, will be tried again: %s", self._name, error)
                await self._pause()

    async def _list(self) -> int:
        present: set[str] = set()
        version = 0
        async for chunk in self._source.list():
            version = chunk.version if not version else min(version, chunk.version)
            for manifest in chunk.objects:
                present.add(str(manifest["metadata"]["uid"]))
                self._put(manifest)
            # A chunk of hundreds of objects must not hold up the lease's renewal.
            await asyncio.sleep(0)
        self._sink.keep(present, version)
        return version

    async def _watch(self, version: int) -> None:
        """Take in events without an end: a watch that ends or breaks goes on where it was. Raises Expired."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                async with aclosing(self._source.watch(version)) as batches:
                    async for lines in batches:
                        # Also of a watch without events: a way that cuts each one is open again at once.
                        self._failures = 0
                        for line in lines:
                            version = self._take(line)
            except (Expired, Denied):
                raise
            except Exception as error:
                log.warning("the watch of %s broke, it goes on: %s", self._name, error)
                await self._pause()
            if loop.time() - began < _SHORTEST_SECONDS:
                await asyncio.sleep(_SHORTEST_SECONDS)

    def _tell(self, denied: str) -> None:
        if denied == self.denied and (denied or self.synced.is_set()):
            return
        self.denied = denied
        self.tried.set()
        if not denied:
            self.synced.set()
            self._failures = 0
        self._changed()

    async def _pause(self) -> None:
        self._failures += 1
        await asyncio.sleep(self._backoff.delay(self._failures))

    def _put(self, manifest: dict[str, Any], text: bytes = b"") -> None:
        """Take an object in; one that cannot be, such as one that is nested too deeply, holds up no other."""
        try:
            self._sink.put(manifest, text)
        except Exception as error:
            metadata = manifest["metadata"]
            name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
            log.warning("%s: %s is left out, it cannot be read: %s", self._name, name, error)

    def _take(self, line: bytes) -> int:
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise Expired(f"an event cannot be read: {error}") from error
        manifest = event["object"]
        match event["type"]:
            case "ERROR":
                raise Expired(manifest.get("message") or "the API server gave no reason")
            case "DELETED":
                self._sink.remove(manifest)
            case "ADDED" | "MODIFIED":
                self._put(manifest, _object_text(line, event["type"]))
        return int(manifest["metadata"]["resourceVersion"])


def _object_text(line: bytes, kind: str) -> bytes:
    """The object's part of a line as the API server writes it; empty where it is written otherwise."""
    start = b'{"type":"%s","object":' % kind.encode()
    return line[len(start) : -1] if line.startswith(start) and line.endswith(b"}") else b""
