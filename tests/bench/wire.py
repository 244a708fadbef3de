"""One HTTP/1.1 connection, every byte of it in the caller's hand, and light on cores that are shared."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass


class CutError(Exception):
    """The server ended the connection before its answer was whole."""


@dataclass(frozen=True)
class Head:
    """An answer's status, and its headers by their names in lower case."""

    status: int
    headers: Mapping[str, str]


class Wire:
    """A connection; see `connect`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Sends bytes. An answer may be there already, so what is cut is told while reading."""
        self._writer.write(data)
        try:
            await self._writer.drain()
        except ConnectionError:
            return

    async def head(self) -> Head:
        """Reads an answer's head. Raises CutError."""
        try:
            text = await self._reader.readuntil(b"\r\n\r\n")
        except (EOFError, OSError) as error:
            raise CutError(f"no answer: {type(error).__name__}") from None
        status, *lines = text.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        return Head(int(status.split()[1]), {name.lower(): value.strip() for name, _, value in pairs})

    async def parts(self, head: Head) -> AsyncIterator[bytes]:
        """Reads an answer's body as it comes. Raises CutError."""
        try:
            if head.headers.get("transfer-encoding") == "chunked":
                while size := int(await self._reader.readline() or b"", 16):
                    yield (await self._reader.readexactly(size + 2))[:-2]
                await self._reader.readline()
            else:
                yield await self._reader.readexactly(int(head.headers.get("content-length", "0")))
        except (EOFError, OSError, ValueError) as error:
            raise CutError(f"half an answer: {type(error).__name__}") from None

    def close(self) -> None:
        """Ends the connection, whatever is under way."""
        self._writer.close()


@asynccontextmanager
async def connect(host: str, port: int) -> AsyncIterator[Wire]:
    """A connection that is closed at the end."""
    wire = Wire(*await asyncio.open_connection(host, port))
    try:
        yield wire
    finally:
        wire.close()


def head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """A request's head."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: bench",
        *(f"{name}: {text}" for name, text in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
