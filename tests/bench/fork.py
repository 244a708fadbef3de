"""The serving layer for all requests but those marked as stock's, which go straight to vLLM."""

from starlette.types import ASGIApp, Receive, Scope, Send

from sirocco_serving.stack import Stack

STOCK = ("x-bench", "stock")
_MARK = tuple(text.encode() for text in STOCK)


class Fork:
    """In the place of `Stack`: one engine and one API server for both, so nothing but the layer differs."""

    def __init__(self, app: ASGIApp) -> None:
        self._vllm = app
        self._layered = Stack(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands on one request, or the server's start and end."""
        stock = scope["type"] == "http" and _MARK in scope["headers"]
        await (self._vllm if stock else self._layered)(scope, receive, send)
