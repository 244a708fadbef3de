"""Counts and times every request but probes and scrapes, up to the last byte of its answer."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sirocco_serving import metrics
from sirocco_serving.middleware.allowlist import PATHS, PROBES

# Nginx's number for a client that left before the answer began.
CLIENT_LEFT = 499


class Observe:
    """Keeps `sirocco_serving_requests_*`; the label `route` is a path of the contract or `other`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        route = scope["path"] if scope["path"] in PATHS else "other"
        status = CLIENT_LEFT

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.monotonic()
        metrics.IN_FLIGHT.inc()
        try:
            await self._app(scope, receive, watch)
        except Exception:
            status = 500
            raise
        finally:
            metrics.IN_FLIGHT.dec()
            metrics.REQUESTS.labels(route, str(status)).inc()
            metrics.SECONDS.labels(route).observe(time.monotonic() - started)
