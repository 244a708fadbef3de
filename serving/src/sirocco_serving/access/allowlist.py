"""Only the paths of the contract are open. vLLM has many more routes, most of them without a guard."""

from starlette.types import ASGIApp, Receive, Scope, Send

from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.request.paths import PATHS
from sirocco_serving.request.state import identity


class Allowlist:
    """Answers 404 for every WebSocket, and for every other path unless the internal key asks."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it."""
        if scope["type"] == "lifespan" or (scope["type"] == "http" and _open(scope)):
            await self._app(scope, receive, send)
        else:
            # This answers a WebSocket's handshake, too: until it is accepted it takes an HTTP answer.
            message = f"There is no such path here. The paths are {', '.join(sorted(PATHS))}."
            await RequestError(404, "not_found", message).answer(scope, receive, send)


def _open(scope: Scope) -> bool:
    if scope["path"] in PATHS:
        return True
    holder = identity(scope)
    return holder is not None and holder.internal
