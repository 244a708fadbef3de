"""The TLS port, whose certificate and client CA can change while it listens."""

import asyncio
import logging
import ssl
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from socket import AF_INET, AF_INET6, create_server, has_dualstack_ipv6, socket
from typing import Final, cast

from aiohttp import web
from aiohttp.typedefs import Handler

from sirocco_operator.metrics_api.pki import Leaf

log = logging.getLogger(__name__)

# Seconds for requests in flight when the process ends.
_SHUTDOWN_SECONDS: Final = 5.0
# Seconds until connections are taken again where the process has no file descriptor left for one.
_EXHAUSTED_SECONDS: Final = 1.0


class Listener:
    """Serves one port. Each connection gets the certificate of its moment, so a new one loses no call."""

    def __init__(self, application: web.Application, port: int) -> None:
        application.middlewares.append(self._track_call)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        dual = has_dualstack_ipv6()
        # All addresses, because the API server connects from outside the pod.
        self._socket = create_server(
            ("::" if dual else "", port),
            family=AF_INET6 if dual else AF_INET,
            dualstack_ipv6=dual,
            backlog=1024,
        )
        self._socket.setblocking(False)
        self._accepting: asyncio.Task[None] | None = None
        self._handshakes: set[asyncio.Task[None]] = set()
        # Set before the first connection is taken.
        self._context: ssl.SSLContext
        # Connections with a call in flight.
        self._busy: set[web.RequestHandler] = set()
        self._ca: str | None = None

    @property
    def port(self) -> int:
        """The port number."""
        return int(self._socket.getsockname()[1])

    async def use(self, leaf: Leaf, ca: str) -> None:
        """Serve this certificate from now on, and trust clients whose certificate `ca` (PEM) signed.

        Raises ssl.SSLError or ValueError when one of them cannot be used; then nothing changes.
        """
        self._context = _context(leaf, ca)
        if self._accepting is None:
            await self._runner.setup()
            self._accepting = asyncio.create_task(self._accept())
        if self._ca is not None and self._ca != ca and self._runner.server is not None:
            # Clients of the old CA must reconnect; calls in flight end first.
            for connection in self._runner.server.connections:
                if connection in self._busy:
                    connection.close()
                else:
                    connection.force_close()
        self._ca = ca

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._socket)
            except OSError as error:
                log.warning("the metrics API cannot take a connection, will try again: %s", error)
                await asyncio.sleep(_EXHAUSTED_SECONDS)
                continue
            handshake = asyncio.create_task(self._shake_hands(connection))
            self._handshakes.add(handshake)
            handshake.add_done_callback(self._handshakes.discard)

    async def _shake_hands(self, connection: socket) -> None:
        server = cast("Callable[[], asyncio.Protocol]", self._runner.server)  # `use` has set it up
        # Whoever leaves, or trusts no such certificate, is no news.
        with suppress(OSError):
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(server, connection, ssl=self._context)

    @web.middleware
    async def _track_call(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._busy.add(request.protocol)
        try:
            return await handler(request)
        finally:
            self._busy.discard(request.protocol)

    async def close(self) -> None:
        """Stop listening and end the calls in flight."""
        if self._accepting is not None:
            for task in (self._accepting, *self._handshakes):
                task.cancel()
            await self._runner.cleanup()
        self._socket.close()


def _context(leaf: Leaf, ca: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Probes come without a certificate; any certificate must be signed by the front proxy's CA.
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=ca)
    # Python's ssl reads keys only from files.
    with tempfile.TemporaryDirectory(prefix="sirocco-metrics-") as folder:
        path = Path(folder) / "tls.pem"
        path.touch(mode=0o600)
        path.write_bytes(leaf.key + leaf.certificate)
        context.load_cert_chain(path)
    return context
