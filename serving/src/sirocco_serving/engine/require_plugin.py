"""The layer that stops a start without our endpoint plugin: vLLM only logs that it did not load a plugin."""

from starlette.types import ASGIApp, Receive, Scope, Send

from sirocco_serving.errors.startup_error import startup_message

MISSING = startup_message(
    "plugin",
    "vLLM did not load the endpoint plugin `sirocco`: VLLM_PLUGINS must name it, "
    "and the model must be one that generates text",
)


class RequirePlugin:
    """Stops the start of a server whose app lacks our endpoint plugin."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on, except a start without the plugin's engine."""
        if scope["type"] == "lifespan" and not hasattr(scope["app"].state, "sirocco_engine"):
            await receive()
            # Uvicorn prints the message and ends. An exception would only switch the lifespan off.
            await send({"type": "lifespan.startup.failed", "message": MISSING})
            return
        await self._app(scope, receive, send)
