"""Clients that fire: what each does on its connection, and whether the answer is one of the contract's."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from tests.bench.fire_mix import LEFT, ORIGIN, Manner, Shot
from tests.bench.wire import CutError, Head, Wire, connect, head

ANSWER_SECONDS = 120.0
# A slow sender's pause between two pieces, and a piece's bytes.
DRIBBLE_SECONDS = 0.4
DRIBBLE_BYTES = 40
# The longest that a client waits which leaves before its answer.
PATIENCE_SECONDS = 0.1


@dataclass
class Volley:
    """What became of all requests; one client takes the next as soon as it is done with one."""

    port: int
    shots: Sequence[Shot]
    # How many seconds each answer took, by the kind of request and the answer.
    answers: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    # Sentences, each about an answer that breaks the contract.
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    done: int = 0
    _random: Random = field(default_factory=lambda: Random(2))  # noqa: S311

    async def fire(self, clients: int, watch: Callable[[float], None]) -> None:
        """Sends everything; `watch` is called twice a second with the part that is done."""
        began = time.monotonic()
        rest = iter(self.shots)
        watching = asyncio.create_task(self._watch(watch))
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(self._client(rest))
        watching.cancel()
        self.seconds = time.monotonic() - began

    async def _watch(self, watch: Callable[[float], None]) -> None:
        while True:
            watch(self.done / len(self.shots))
            await asyncio.sleep(0.5)

    async def _client(self, rest: Iterator[Shot]) -> None:
        for shot in rest:
            label, began = "broken", time.monotonic()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    label = await self._one(shot)
                if label not in shot.allowed:
                    self._note(shot, f"answered {label}, not {' or '.join(sorted(shot.allowed))}")
            except TimeoutError:
                self._note(shot, f"no answer within {ANSWER_SECONDS:g} s")
            except (CutError, OSError, ValueError) as error:
                self._note(shot, f"{type(error).__name__}: {error}")
            self.answers[shot.kind, label].append(time.monotonic() - began)
            self.done += 1

    def _note(self, shot: Shot, sentence: str) -> None:
        self.wrong.append(f"{shot.kind}: {shot.method} {shot.path}: {sentence}")

    async def _one(self, shot: Shot) -> str:
        """The answer's label. Raises CutError, and ValueError for an answer out of shape."""
        async with connect("127.0.0.1", self.port) as wire:
            await self._send(wire, shot)
            if shot.manner in (Manner.LEFT_IN_HEAD, Manner.LEFT_IN_BODY):
                return LEFT
            if shot.manner is Manner.LEFT_EARLY:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._random.random() * PATIENCE_SECONDS):
                        await wire.head()
                return LEFT
            answer = await wire.head()
            parts: list[bytes] = []
            async for part in wire.parts(answer):
                parts.append(part)
                if shot.manner is Manner.LEFT_IN_STREAM and answer.status == 200 and len(parts) == 2:
                    return LEFT
            return judged(answer, b"".join(parts))

    async def _send(self, wire: Wire, shot: Shot) -> None:
        headers = {"content-type": "application/json", "origin": ORIGIN}
        if shot.key is not None:
            headers["authorization"] = f"Bearer {shot.key}"
        if shot.manner is Manner.CHUNKED:
            headers["transfer-encoding"] = "chunked"
        else:
            headers["content-length"] = str(len(shot.body))
        top = head(shot.method, shot.path, headers)
        match shot.manner:
            case Manner.LEFT_IN_HEAD:
                await wire.send(top[: self._random.randrange(len(top) - 4)])
            case Manner.LEFT_IN_BODY:
                await wire.send(top + shot.body[: self._random.randrange(len(shot.body))])
            case Manner.CHUNKED:
                pieces = _pieces(shot.body, 4096)
                await wire.send(
                    b"".join([top, *(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces), b"0\r\n\r\n"])
                )
            case Manner.DRIBBLED:
                await wire.send(top)
                for piece in _pieces(shot.body, DRIBBLE_BYTES):
                    await asyncio.sleep(DRIBBLE_SECONDS)
                    await wire.send(piece)
            case _:
                await wire.send(top + shot.body)


def _pieces(body: bytes, size: int) -> list[bytes]:
    return [body[place : place + size] for place in range(0, len(body), size)]


def judged(answer: Head, body: bytes) -> str:
    """An answer's status, with its code when it is an error; raises ValueError for one out of shape."""
    if answer.headers.get("access-control-allow-origin") != ORIGIN:
        raise ValueError(f"{answer.status} without CORS' headers")
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        if answer.status != 200 or not body.endswith(b"data: [DONE]\n\n") or b'"error"' in body:
            raise ValueError(f"{answer.status}, a stream that does not end well: {body[-200:]!r}")
        return "200"
    value = json.loads(body)
    if answer.status == 200:
        if not isinstance(value, dict) or "error" in value:
            raise ValueError(f"200 with {body[:200]!r}")
        return "200"
    problem = value["error"] if isinstance(value, dict) and set(value) == {"error"} else {}
    if set(problem) != {"message", "type", "param", "code"} or not problem["message"]:
        raise ValueError(f"{answer.status} in another shape: {body[:200]!r}")
    if answer.status in (429, 503) and int(answer.headers.get("retry-after", "0")) < 1:
        raise ValueError(f"{answer.status} without Retry-After")
    if answer.status == 401 and answer.headers.get("www-authenticate") != "Bearer":
        raise ValueError("401 without WWW-Authenticate")
    return f"{answer.status} {problem['code']}"
