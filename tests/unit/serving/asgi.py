"""Calls an ASGI app without a server."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message

from tests.waiting import eventually_beside

DEADLINE = 10.0


@dataclass
class Exchange:
    """One HTTP request: `sent` is what the app sent so far; `leave()` is the client going away."""

    scope: dict[str, Any]
    body: bytes
    sent: list[Message] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    _asked: bool = False

    async def receive(self) -> Message:
        """The body, then the client's departure."""
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Keeps what the app sends."""
        self.sent.append(message)

    async def through(self, app: ASGIApp) -> None:
        """Sends the request to an app."""
        await app(self.scope, self.receive, self.send)

    def leave(self) -> None:
        """Ends the client's side."""
        self.left.set()

    @property
    def status(self) -> int:
        """The answer's status."""
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        """The answer's headers."""
        return {name.decode().lower(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def text(self) -> str:
        """The answer's body so far."""
        return b"".join(message.get("body", b"") for message in self.sent[1:]).decode()


def exchange(
    path: str,
    body: bytes = b"",
    method: str = "POST",
    app: object = None,
    headers: Mapping[str, str] | None = None,
) -> Exchange:
    """A request that no app has seen yet."""
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    if app is not None:
        scope["app"] = app
    return Exchange(scope, body)


async def call(
    app: ASGIApp,
    path: str,
    body: bytes = b"",
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
) -> Exchange:
    """One whole request."""
    made = exchange(path, body, method, headers=headers)
    await made.through(app)
    return made


def answering(status: int = 200, headers: Mapping[str, str] | None = None) -> ASGIApp:
    """An app with one answer."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": b"inner", "more_body": False})

    return app


async def eventually(condition: Callable[[], bool]) -> None:
    """Waits for a condition beside the requests that are under way."""
    await eventually_beside(condition, DEADLINE)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    """Runs a scenario, with an end to its patience."""
    asyncio.run(asyncio.wait_for(scenario, 3 * DEADLINE))
