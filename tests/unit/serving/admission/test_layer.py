"""So many requests are in the engine at a time; the others wait, or are told when to come again."""

import asyncio
import json
from typing import Any

from prometheus_client import REGISTRY

from sirocco_serving.admission.layer import Admission
from sirocco_serving.request.state import Identity, queue_seconds, set_identity
from tests.unit.serving.asgi import DEADLINE, Exchange, eventually, exchange, run


class Server:
    """An app whose requests last until `finish` lets one go."""

    def __init__(self, in_flight: int = 1, queue: int = 1, seconds: float = DEADLINE) -> None:
        self.inside: list[str] = []
        self.bodies: list[bytes] = []
        self.admission = Admission(self._app, in_flight, queue, seconds)
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        name = scope["request"]
        self.inside.append(name)
        self.bodies.append((await receive())["body"])
        try:
            leaving = asyncio.ensure_future(receive())
            ending = asyncio.ensure_future(self._ends[name].wait())
            await asyncio.wait({leaving, ending}, return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
            ending.cancel()
        finally:
            self.inside.remove(name)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    async def ask(self, name: str, key: str | None = None, path: str = "/generate") -> Exchange:
        """Starts a request; it gets as far as it can."""
        made = exchange(path, name.encode())
        made.scope["request"] = name
        if key is not None:
            set_identity(made.scope, Identity(key))
        self._ends[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(made.through(self.admission))
        for _ in range(10):
            await asyncio.sleep(0)
        return made

    async def finish(self, name: str) -> None:
        """Lets one request end."""
        self._ends[name].set()
        await self._tasks[name]

    def cut(self, name: str) -> asyncio.Task[None]:
        """Cancels a request's task, as a server that ends does."""
        self._tasks[name].cancel()
        return self._tasks[name]


def queued() -> float:
    return REGISTRY.get_sample_value("sirocco_serving_requests_queued") or 0.0


def oldest() -> float:
    found = REGISTRY.get_sample_value("sirocco_serving_oldest_queued_seconds")
    assert found is not None
    return found


def problem(answer: Exchange) -> tuple[int, str]:
    return answer.status, json.loads(answer.text)["error"]["code"]


def test_a_request_beyond_the_limit_waits_for_its_turn() -> None:
    async def scenario() -> None:
        server = Server()
        await server.ask("first")
        second = await server.ask("second")
        assert (server.inside, second.sent, queued()) == (["first"], [], 1)
        await server.finish("first")
        await eventually(lambda: server.inside == ["second"])
        await server.finish("second")
        assert (second.status, second.text, queued()) == (200, "done", 0)

    run(scenario())


def test_the_oldest_wait_is_a_metric_while_nobody_leaves_the_queue() -> None:
    async def scenario() -> None:
        server = Server()
        await server.ask("first")
        assert oldest() == 0
        await server.ask("second")
        await eventually(lambda: oldest() > 0.01)
        await server.finish("first")
        await server.finish("second")
        assert oldest() == 0

    run(scenario())


def test_a_request_that_waited_reaches_the_app_with_its_body() -> None:
    async def scenario() -> None:
        server = Server()
        await server.ask("first")
        await server.ask("second")
        await server.finish("first")
        await eventually(lambda: server.inside == ["second"])
        assert server.bodies == [b"first", b"second"]

    run(scenario())


def test_a_full_queue_is_429_with_the_time_to_come_again() -> None:
    async def scenario() -> None:
        server = Server()
        await server.ask("first")
        await server.ask("second")
        third = await server.ask("third")
        assert problem(third) == (429, "queue_full")
        assert int(third.headers["retry-after"]) >= 1

    run(scenario())


def test_a_wait_that_is_too_long_is_429() -> None:
    async def scenario() -> None:
        server = Server(seconds=0.02)
        await server.ask("first")
        second = await server.ask("second")
        await eventually(lambda: len(second.sent) == 2)
        assert problem(second) == (429, "queue_timeout")
        assert "retry-after" in second.headers
        assert queued() == 0

    run(scenario())


def test_a_client_that_leaves_the_queue_gives_its_room_back() -> None:
    async def scenario() -> None:
        server = Server()
        await server.ask("first")
        second = await server.ask("second")
        second.leave()
        await eventually(lambda: queued() == 0)
        assert second.sent == []
        third = await server.ask("third")
        assert third.sent == []
        await server.finish("first")
        await eventually(lambda: server.inside == ["third"])

    run(scenario())


def test_a_client_that_leaves_the_engine_gives_its_place_back() -> None:
    async def scenario() -> None:
        server = Server()
        first = await server.ask("first")
        await server.ask("second")
        first.leave()
        await eventually(lambda: server.inside == ["second"])

    run(scenario())


def test_a_request_that_is_cut_off_gives_its_place_back() -> None:
    async def scenario() -> None:
        server = Server(queue=2)
        for name in ("first", "second", "third"):
            await server.ask(name)
        await asyncio.wait({server.cut("second")})
        await asyncio.wait({server.cut("first")})
        await eventually(lambda: server.inside == ["third"])
        assert queued() == 0

    run(scenario())


def test_an_app_that_fails_gives_its_place_back() -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError

    async def scenario() -> None:
        admission = Admission(failing, 1, 0, DEADLINE)
        for _ in range(3):
            try:
                await exchange("/generate").through(admission)
            except RuntimeError:
                continue
            raise AssertionError("the request did not reach the app")

    run(scenario())


def test_another_key_does_not_wait_behind_a_busy_one() -> None:
    async def scenario() -> None:
        server = Server(queue=10)
        for name in ("busy-1", "busy-2", "busy-3"):
            await server.ask(name, "busy")
        await server.ask("quiet", "quiet")
        await server.finish("busy-1")
        await eventually(lambda: server.inside == ["quiet"])

    run(scenario())


def test_in_a_full_queue_a_busy_key_makes_room_for_another() -> None:
    async def scenario() -> None:
        server = Server(queue=2)
        for name in ("busy-1", "busy-2"):
            await server.ask(name, "busy")
        newest = await server.ask("busy-3", "busy")
        quiet = await server.ask("quiet", "quiet")
        await eventually(lambda: len(newest.sent) == 2)
        assert problem(newest) == (429, "queue_full")
        assert quiet.sent == []

    run(scenario())


def test_paths_that_do_not_generate_take_no_place() -> None:
    async def scenario() -> None:
        server = Server(queue=0)
        await server.ask("first")
        await server.ask("models", path="/v1/models")
        assert server.inside == ["first", "models"]

    run(scenario())


def test_the_wait_is_kept_for_the_log() -> None:
    async def scenario() -> None:
        server = Server()
        first = await server.ask("first")
        second = await server.ask("second")
        await server.finish("first")
        await server.finish("second")
        assert queue_seconds(first.scope) == 0
        assert (queue_seconds(second.scope) or 0) > 0

    run(scenario())
