"""A relay between an operator and the API server, which does to their calls what goes wrong in clusters."""

import asyncio
import json
import ssl
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import yaml
from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    web,
)

from tests.api.control_plane import ControlPlane
from tests.api.processes import free_ports

_PASSED: Final = ("Authorization", "Content-Type", "Accept", "User-Agent")
_WRITES: Final = ("POST", "PUT", "PATCH", "DELETE")
# How often a silent relay looks whether it may speak again, in seconds.
_LOOK_SECONDS: Final = 0.1
_EXPIRED: Final = {
    "type": "ERROR",
    "object": {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "reason": "Expired",
        "code": 410,
        "message": "too old resource version",
    },
}


class Relay:
    """Plain HTTP on a port of 127.0.0.1, handed on to the API server of `cluster` while it is entered.

    The faults are attributes, which may change at any time: `away` ends every new connection without an
    answer, `silent` takes them and answers nothing, also on the watches there are, `delay` holds each call
    for so many seconds, `refusal` answers with this HTTP status.
    """

    def __init__(self, cluster: ControlPlane) -> None:
        self.away = False
        self.silent = False
        self.delay = 0.0
        self.refusal = 0
        # Told of each write but those of Leases; whether it is handed on.
        self.before_write: Callable[[], bool] = lambda: True
        # How many calls came.
        self.calls = 0
        self._cluster = cluster
        (self._port,) = free_ports(1)
        self._folder = Path(tempfile.mkdtemp(prefix="sirocco-relay-"))
        self._watches: dict[ClientResponse, web.Request] = {}
        self._expired: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def kubeconfig(self, user: str = "operator") -> Path:
        """A kubeconfig file that leads here."""
        config = yaml.safe_load(self._cluster.kubeconfig(user).read_text())
        config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self._port}"}
        path = self._folder / f"{user}.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    def cut_watches(self, expire: bool = False) -> int:
        """End all watches; how many. With `expire`, what each had seen is too old for the next one (410)."""

        async def cut() -> int:
            watches = dict(self._watches)
            self._watches.clear()
            if expire:
                self._expired |= {request.path for request in watches.values()}
            for answer, request in watches.items():
                self._abort(request)
                answer.close()
            return len(watches)

        return asyncio.run_coroutine_threadsafe(cut(), self._loop).result(30)

    async def _start(self) -> None:
        context = ssl.create_default_context(cafile=str(self._cluster.certificate))
        self._api = ClientSession(
            self._cluster.server,
            connector=TCPConnector(ssl=context, limit=0),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            timeout=ClientTimeout(total=None),
        )
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._api.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        writes = request.method in _WRITES and "/leases" not in request.path
        if writes and not self.before_write():
            return self._abort(request)
        if self.delay:
            await asyncio.sleep(self.delay)
        await self._silence()
        if self.away:
            return self._abort(request)
        if self.refusal:
            status = {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": self.refusal}
            return web.json_response(status, status=self.refusal, headers={"Retry-After": "1"})
        if request.query.get("watch") == "true" and request.path in self._expired:
            self._expired.discard(request.path)
            return web.Response(text=json.dumps(_EXPIRED) + "\n", content_type="application/json")
        return await self._hand_on(request)

    async def _silence(self) -> None:
        while self.silent:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)

    def _abort(self, request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _hand_on(self, request: web.Request) -> web.StreamResponse:
        headers = {name: request.headers[name] for name in _PASSED if name in request.headers}
        body = await request.read()
        try:
            async with self._api.request(
                request.method, request.rel_url, headers=headers, data=body or None
            ) as answer:
                return await self._answer(request, answer)
        # The API server ended, or who asked.
        except (ClientError, TimeoutError, OSError):
            return self._abort(request)

    async def _answer(self, request: web.Request, answer: ClientResponse) -> web.StreamResponse:
        passed = {
            name: answer.headers[name]
            for name in ("Content-Type", "Content-Encoding", "Retry-After")
            if name in answer.headers
        }
        response = web.StreamResponse(status=answer.status, headers=passed)
        await self._silence()
        await response.prepare(request)
        if request.query.get("watch") == "true":
            self._watches[answer] = request
        try:
            async for part in answer.content.iter_any():
                await self._silence()
                await response.write(part)
            await response.write_eof()
        finally:
            self._watches.pop(answer, None)
        return response
