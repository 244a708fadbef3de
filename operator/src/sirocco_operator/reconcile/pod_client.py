"""Asks models' pods over HTTP. What runs in a pod is its owner's, so an answer may be anything.

An answer is read up to a size, its header included, and up to a time, before it is looked at. So that this
holds for every byte, this is no general client: it asks an IP address once, by HTTP/1.1 without keep-alive,
and knows no proxy, no redirect, no compression and no cookie.
"""

import asyncio
import io
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any, Final

from sirocco_operator.controller.fair_slots import FairSlots
from sirocco_operator.controller.store import Key

# Of an answer's header; ours has five short lines, a mesh's proxy adds a few.
_HEADER_BYTES: Final = 8 * 1024
# Bytes that wait to be read, beside what one read of the socket brings.
_READ_BUFFER: Final = 8 * 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """What asking may cost: seconds for an answer and for the wait before it, bytes, asks at a time."""

    answer_seconds: float
    wait_seconds: float
    body_bytes: int
    at_once: int
    at_once_of_model: int


class Unanswered(Exception):  # noqa: N818 -- a pod's doing, not an error of ours
    """A pod did not answer as it should; `result` is late, unreachable, unauthorized or unreadable."""

    def __init__(self, result: str, detail: str) -> None:
        super().__init__(detail)
        self.result = result


class PodClient:
    """Reads from pods, within bounds; many slow pods of a model do not hold up the others'."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._slots = FairSlots(bounds.at_once, bounds.at_once_of_model)

    async def get(self, model: Key, address: str, port: int, path: str, key: str | None = None) -> bytes:
        """What a pod of the model answers with 200, sent `key` if there is one; raises Unanswered."""
        bounds = self._bounds
        request = _request(address, port, path, key)
        try:
            async with (
                self._slots.slot(model, bounds.wait_seconds),
                asyncio.timeout(bounds.answer_seconds),
            ):
                answer = await _exchange(address, port, request, _HEADER_BYTES + bounds.body_bytes)
            return _body(answer)
        except TimeoutError as error:
            raise Unanswered("late", "no whole answer in time") from error
        except OSError as error:
            # The pod is starting or ending, or a network policy is in the way.
            raise Unanswered("unreachable", str(error)) from error
        except (HTTPException, ValueError, OverflowError) as error:
            raise Unanswered("unreadable", repr(error)) from error


def _request(address: str, port: int, path: str, key: str | None) -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {f'[{address}]' if ':' in address else address}:{port}",
        "User-Agent: sirocco-operator",
        "Accept-Encoding: identity",
        "Connection: close",
        *((f"Authorization: Bearer {key}",) if key is not None else ()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _exchange(address: str, port: int, request: bytes, most_bytes: int) -> bytes:
    """Send a request and receive until the other side closes; raises OSError, ValueError for more bytes."""
    reader, writer = await asyncio.open_connection(address, port, limit=_READ_BUFFER)
    try:
        writer.write(request)
        answer = bytearray()
        while part := await reader.read(_READ_BUFFER):
            answer += part
            if len(answer) > most_bytes:
                raise ValueError(f"the answer is longer than {most_bytes} bytes")
        return bytes(answer)
    finally:
        # Without waiting for the other side, which may never read what is left.
        writer.transport.abort()


def _body(answer: bytes) -> bytes:
    """Raises HTTPException and ValueError for what is no answer, and Unanswered for a refusal."""
    response = HTTPResponse(_Received(answer))  # type: ignore[arg-type]
    response.begin()
    if response.status in (401, 403):
        raise Unanswered("unauthorized", f"HTTP {response.status}")
    if response.status != 200:
        raise ValueError(f"HTTP {response.status}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise ValueError("the answer is encoded, which was not asked for")
    return response.read()


class _Received:
    """What came through a connection, in the place of its socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: Any) -> io.BytesIO:
        return io.BytesIO(self._data)
