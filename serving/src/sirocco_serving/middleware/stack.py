"""The order of the middleware, outermost first; the one class that vLLM is told to import."""

from starlette.types import ASGIApp, Receive, Scope, Send

from sirocco_serving.config import settings
from sirocco_serving.middleware.allowlist import Allowlist
from sirocco_serving.middleware.drain import Drain
from sirocco_serving.middleware.observe import Observe
from sirocco_serving.middleware.plugged import Plugged


class Stack:
    """Observe counts every answer, Drain marks or refuses, Allowlist lets the contract's paths through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app: ASGIApp = Observe(Drain(Allowlist(Plugged(app)), settings().drain))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request, or the server's start and end."""
        await self._app(scope, receive, send)
