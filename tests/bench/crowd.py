"""Creates many resources and waits for all that an operator makes of them, with little CPU of its own."""

import asyncio
import json
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import aiohttp

from tests.api.control_plane import ControlPlane
from tests.bench.subject import Subject, collection

CREATORS = 8
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Convergence:
    """Seconds from the first create to the last create, to the last child, and to the last first status."""

    created: float
    children: float
    statuses: float

    @property
    def all(self) -> float:
        """Seconds until everything was there."""
        return max(self.children, self.statuses)


class Crowd:
    """The resources of one bench."""

    def __init__(self, cluster: ControlPlane, subject: Subject, namespace: str, names: Sequence[str]) -> None:
        self._cluster = cluster
        self._subject = subject
        self._namespace = namespace
        self._names = names
        self._with_status: set[str] = set()

    def create(self, deadline: float) -> Convergence:
        """Create them all and wait for everything; raises TimeoutError after `deadline` seconds."""
        return asyncio.run(self._create(deadline))

    async def _create(self, deadline: float) -> Convergence:
        context = ssl.create_default_context(cafile=str(self._cluster.certificate))
        headers = {"Authorization": f"Bearer {self._cluster.token('admin')}"}
        connector = aiohttp.TCPConnector(ssl=context)
        async with (
            aiohttp.ClientSession(self._cluster.server, connector=connector, headers=headers) as http,
            asyncio.timeout(deadline),
        ):
            watch = asyncio.create_task(self._watch(http))
            started = time.monotonic()
            creating = asyncio.create_task(self._create_all(http))
            done: dict[str, float] = {}
            while len(done) < len(self._subject.children) or len(self._with_status) < len(self._names):
                for kind in self._subject.children:
                    if kind not in done and await self._count(http, kind) >= len(self._names):
                        done[kind] = time.monotonic() - started
                await asyncio.sleep(LOOK_SECONDS)
            statuses = time.monotonic() - started
            created = await creating - started
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
            return Convergence(created, max(done.values()), statuses)

    async def _create_all(self, http: aiohttp.ClientSession) -> float:
        """Create them; when the last was."""
        path = self._subject.collection(self._namespace)
        names = iter(self._names)

        async def create() -> None:
            for name in names:
                resource = self._subject.resource(self._namespace, name)
                async with http.post(path, json=resource) as response:
                    if response.status >= 300:
                        raise RuntimeError(await response.text())

        async with asyncio.TaskGroup() as group:
            for _ in range(CREATORS):
                group.create_task(create())
        return time.monotonic()

    async def _watch(self, http: aiohttp.ClientSession) -> None:
        """Note which resources have a status of their own, not only the CRD's default."""
        path = self._subject.collection(self._namespace)
        query = {"watch": "true", "resourceVersion": "0"}
        endless = aiohttp.ClientTimeout(total=None)
        async with http.get(path, params=query, timeout=endless) as response:
            rest = b""
            async for part in response.content.iter_any():
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    found = json.loads(line)["object"]
                    if (found.get("status") or {}).get("conditions"):
                        self._with_status.add(found["metadata"]["name"])

    async def _count(self, http: aiohttp.ClientSession, kind: str) -> int:
        """How many objects of a kind there are, without reading them."""
        async with http.get(collection(kind, self._namespace), params={"limit": "1"}) as response:
            answer = await response.json()
        return len(answer["items"]) + int(answer["metadata"].get("remainingItemCount") or 0)
