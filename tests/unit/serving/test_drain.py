"""The order in which a server lets go of its clients."""

import asyncio
import json
import os
import signal
from types import SimpleNamespace
from typing import Any

from starlette.types import Message

from sirocco_serving.config import DrainSettings
from sirocco_serving.drain import Drain, Phase
from tests.unit.serving.asgi import DEADLINE, Exchange, answering, call, eventually, exchange, run


class Server:
    """A drain around an app where two paths wait for `finish`; `left` is the end of the process."""

    def __init__(self, settle: float = 0.0, timeout: float = 600.0) -> None:
        self.finish = asyncio.Event()
        self.left = asyncio.Event()
        settings = DrainSettings(settle_seconds=settle, timeout_seconds=timeout)
        self.drain = Drain(self._app, settings, self.left.set)
        self.requests: list[asyncio.Task[None]] = []

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] in {"/generate", "/metrics"}:
            await self.finish.wait()
        await send({"type": "http.response.body", "body": b"done", "more_body": False})

    async def open(self, path: str) -> Exchange:
        """Starts a request and waits for its headers."""
        made = exchange(path)
        self.requests.append(asyncio.create_task(self.drain(made.scope, made.receive, made.send)))
        await eventually(lambda: bool(made.sent))
        return made

    async def refusing(self) -> None:
        """Begins to drain and waits until new requests are refused."""
        self.drain.begin()
        await eventually(lambda: self.drain._phase is Phase.REFUSING)


def test_while_serving_connections_are_kept() -> None:
    answer = asyncio.run(call(Drain(answering(), DrainSettings()), "/generate"))
    assert "connection" not in answer.headers


def test_while_settling_requests_are_served_and_connections_closed() -> None:
    async def scenario() -> None:
        server = Server(settle=DEADLINE)
        server.drain.begin()
        await asyncio.sleep(0)
        answer = await call(server.drain, "/v1/models")
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert not server.left.is_set()

    run(scenario())


def test_readiness_ends_when_the_drain_begins() -> None:
    async def scenario() -> None:
        server = Server(settle=DEADLINE)
        assert (await call(server.drain, "/ready")).status == 200
        server.drain.begin()
        await asyncio.sleep(0)
        assert (await call(server.drain, "/ready")).status == 503
        assert (await call(server.drain, "/live")).status == 200

    run(scenario())


def test_after_settling_new_requests_get_503_with_retry_after() -> None:
    async def scenario() -> None:
        server = Server()
        await server.open("/generate")
        await server.refusing()
        answer = await call(server.drain, "/generate")
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["connection"] == "close"
        assert json.loads(answer.text)["error"]["code"] == "draining"

    run(scenario())


def test_the_process_ends_after_the_last_byte_of_the_last_answer() -> None:
    async def scenario() -> None:
        server = Server()
        first, second = await server.open("/generate"), await server.open("/generate")
        await server.refusing()
        assert not server.left.is_set()
        server.finish.set()
        await server.left.wait()
        assert (first.text, second.text) == ("done", "done")

    run(scenario())


def test_probes_are_not_waited_for() -> None:
    async def scenario() -> None:
        server = Server()
        await server.open("/metrics")
        await server.refusing()
        await server.left.wait()

    run(scenario())


def test_a_request_that_never_ends_is_cut_off_at_the_timeout() -> None:
    async def scenario() -> None:
        server = Server(timeout=0.01)
        stuck = await server.open("/generate")
        server.drain.begin()
        await server.left.wait()
        assert stuck.text == ""

    run(scenario())


def test_a_failing_request_does_not_hold_the_drain() -> None:
    async def scenario() -> None:
        async def broken(scope: Any, receive: Any, send: Any) -> None:
            raise RuntimeError

        left = asyncio.Event()
        drain = Drain(broken, DrainSettings(settle_seconds=0), left.set)
        made = exchange("/generate")
        await asyncio.gather(drain(made.scope, made.receive, made.send), return_exceptions=True)
        drain.begin()
        await left.wait()

    run(scenario())


def test_sigterm_begins_the_drain_once_the_server_has_started() -> None:
    async def scenario() -> None:
        server = Server()

        async def lifespan(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "lifespan.startup.complete"})

        started: list[Message] = []

        async def send(message: Message) -> None:
            started.append(message)

        async def receive() -> Message:
            return {"type": "lifespan.startup"}

        drain = Drain(lifespan, DrainSettings(settle_seconds=0), server.left.set)
        await drain({"type": "lifespan", "app": SimpleNamespace(state=SimpleNamespace())}, receive, send)
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await server.left.wait()
        finally:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        assert started == [{"type": "lifespan.startup.complete"}]

    run(scenario())


def test_a_stream_begun_before_the_drain_gives_its_connection_up_at_its_end() -> None:
    async def scenario() -> None:
        busy = SimpleNamespace(response_complete=False, keep_alive=True)
        answered = SimpleNamespace(response_complete=True, keep_alive=True)
        connections = [SimpleNamespace(cycle=cycle) for cycle in (busy, answered, None)]
        uvicorn = SimpleNamespace(server_state=SimpleNamespace(connections=connections))
        server = Server(settle=DEADLINE)
        server.drain.begin(uvicorn)
        await asyncio.sleep(0)
        assert (busy.keep_alive, answered.keep_alive) == (False, True)

    run(scenario())
