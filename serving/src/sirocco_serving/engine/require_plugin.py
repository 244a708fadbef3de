"""vLLM only logs a plugin that it does not load; without ours no pod would ever be ready."""

from starlette.types import ASGIApp, Receive, Scope, Send

from sirocco_serving.errors.startup_error import startup_message

MISSING = startup_message(
    "plugin",
    "vLLM did not load the endpoint plugin `sirocco`: VLLM_PLUGINS must name it, "
    "and the model must be one that generates text",
)


class RequirePlugin:
    """Refuses to start a server whose app lacks our endpoint plugin."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on; at start it looks for the plugin's engine first."""
        if scope["type"] == "lifespan" and not hasattr(scope["app"].state, "sirocco_engine"):
            await receive()
            # Uvicorn prints the message and ends; an exception here would only switch the lifespan off.
            await send({"type": "lifespan.startup.failed", "message": MISSING})
            return
        await self._app(scope, receive, send)
