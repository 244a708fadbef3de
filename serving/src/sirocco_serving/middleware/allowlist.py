"""Only the paths of the contract are open: vLLM has many more routes, most of them without a guard."""

from starlette.types import ASGIApp, Receive, Scope, Send

from sirocco_serving.errors import RequestError

PROBES = frozenset({"/health", "/ready", "/live", "/metrics"})
PATHS = PROBES | {"/v1/chat/completions", "/v1/completions", "/v1/models", "/generate"}


class Allowlist:
    """Answers 404 for every path outside `PATHS` and closes every WebSocket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it."""
        if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["path"] in PATHS):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            message = f"There is no {scope['path']} here. The paths are {', '.join(sorted(PATHS))}."
            await RequestError(404, "not_found", message).response()(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": "no WebSockets here"})
