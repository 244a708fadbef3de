"""Where reflectors get objects from: lists and watches of the API server."""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Final

from sirocco_operator.controller.reflector import Chunk, Denied, Expired
from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import Kind

# Between two lists of an API that is not served.
_UNSERVED_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Watched:
    """The objects of one kind that selectors of labels and fields choose, in one namespace or in all."""

    kube: Kube
    kind: Kind
    namespace: str | None
    labels: str = ""
    fields: str = ""

    async def list(self) -> AsyncIterator[Chunk]:
        """All objects, in chunks. Raises Denied."""
        with _denials():
            async for chunk in self.kube.list_chunks(self.kind, self.namespace, self.labels, self.fields):
                yield chunk

    async def watch(self, version: int) -> AsyncGenerator[Sequence[bytes], None]:
        """The events after a version. Raises Expired and Denied."""
        if version == sys.maxsize:
            await asyncio.sleep(_UNSERVED_SECONDS)
            raise Expired("the cluster did not serve them")
        try:
            batches = self.kube.watch(self.kind, self.namespace, version, self.labels, self.fields)
            with _denials():
                async with aclosing(batches):
                    async for lines in batches:
                        yield lines
        except ApiError as error:
            if error.status in (404, 410):
                raise Expired(error.message) from error
            raise


@dataclass(frozen=True)
class Listed:
    """The objects of one kind that somebody else watches: they are listed, and again when asked for."""

    kube: Kube
    kind: Kind
    namespace: str | None
    again: asyncio.Event = field(default_factory=asyncio.Event)

    async def list(self) -> AsyncIterator[Chunk]:
        """All objects, in chunks. Raises Denied."""
        with _denials():
            async for chunk in self.kube.list_chunks(self.kind, self.namespace):
                yield chunk

    async def watch(self, version: int) -> AsyncGenerator[Sequence[bytes], None]:
        """Nothing, until Expired is raised."""
        await self.again.wait()
        self.again.clear()
        raise Expired(f"they are listed again after version {version}")
        yield ()


@contextmanager
def _denials() -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        if error.status == 403:
            raise Denied(error.message) from error
        raise
