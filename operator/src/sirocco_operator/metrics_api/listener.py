"""The TLS port: what it shows and whom it believes can be exchanged while it listens."""

import ssl
import tempfile
from pathlib import Path
from socket import AF_INET, AF_INET6, create_server, has_dualstack_ipv6
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from sirocco_operator.metrics_api.pki import Leaf

# Requests under way when the process ends have so many seconds.
_SHUTDOWN_SECONDS: Final = 5.0


class Listener:
    """One port; each change of certificates is a new server on the same socket, so no call is lost."""

    def __init__(self, application: web.Application, port: int) -> None:
        application.middlewares.append(self._track_call)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        dual = has_dualstack_ipv6()
        # All addresses: the API server comes from outside of the pod.
        self._socket = create_server(
            ("::" if dual else "", port),
            family=AF_INET6 if dual else AF_INET,
            dualstack_ipv6=dual,
            backlog=1024,
        )
        self._site: web.SockSite | None = None
        # Connections with a call under way.
        self._busy: set[web.RequestHandler] = set()
        self._ca: str | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    async def use(self, leaf: Leaf, ca: str) -> None:
        """Serve with this certificate from now on, and believe clients whose certificate `ca` (PEM) signed.

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
            # Who came in by the old one introduces himself again; a call under way ends first.
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
        """Stop listening, and end what is under way."""
        if self._site is not None:
            await self._runner.cleanup()
        self._socket.close()


def _context(leaf: Leaf, ca: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Probes have no certificate; who has one must have one of the front proxy's CA.
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=ca)
    # Python reads keys from files only.
    with tempfile.TemporaryDirectory(prefix="sirocco-metrics-") as folder:
        path = Path(folder) / "tls.pem"
        path.touch(mode=0o600)
        path.write_bytes(leaf.key + leaf.certificate)
        context.load_cert_chain(path)
    return context
