"""The layer that counts the tokens of requests to vLLM's own routes."""

from collections.abc import Awaitable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sirocco_serving.request.paths import generates
from sirocco_serving.request.state import set_usage, usage


class TokenUsage:
    """Keeps vLLM's own count, which vLLM puts into the state of a request at the end of its answer.

    For a stream that was cut short it counts the events: about one for each token.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if not generates(scope):
            await self._app(scope, receive, send)
            return
        events = 0

        def count(message: Message) -> Awaitable[None]:
            nonlocal events
            if message.get("body", b"").startswith(b"data: "):
                events += 1
            return send(message)

        try:
            await self._app(scope, receive, count)
        finally:
            if usage(scope) is None:
                counted: Any = getattr(scope["state"].get("request_metadata"), "final_usage_info", None)
                if counted is not None:
                    set_usage(scope, counted.prompt_tokens, counted.completion_tokens or 0)
                elif events:
                    set_usage(scope, 0, events)
