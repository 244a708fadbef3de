"""The TLS port, whose certificate and client CA can change while it listens."""

import ssl
import tempfile
from pathlib import Path
from socket import AF_INET, AF_INET6, create_server, has_dualstack_ipv6
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from sirocco_operator.metrics_api.pki import Leaf

# Seconds for requests in flight when the process ends.
_SHUTDOWN_SECONDS: Final = 5.0


class Listener:
    """Serves one port. A new certificate starts a new server on the same socket, so that no call is lost."""

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
        self._site: web.SockSite | None = None
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
        context = _context(leaf, ca)
        if self._site is None:
            await self._runner.setup()
        site = web.SockSite(self._runner, self._socket.dup(), ssl_context=context)
        await site.start()
        old, self._site = self._site, site
        if old is not None:
            await old.stop()
        if self._ca is not None and self._ca != ca and self._runner.server is not None:
            # Clients of the old CA must reconnect; calls in flight end first.
            for connection in self._runner.server.connections:
                if connection in self._busy:
                    connection.close()
                else:
                    connection.force_close()
        self._ca = ca

    @web.middleware
    async def _track_call(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._busy.add(request.protocol)
        try:
            return await handler(request)
        finally:
            self._busy.discard(request.protocol)

    async def close(self) -> None:
        """Stop listening and end the calls in flight."""
        if self._site is not None:
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
