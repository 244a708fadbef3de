"""Finds whose key came with a request. Layers further in decide what the key opens."""

from starlette.types import ASGIApp, Receive, Scope, Send

from sirocco_serving.access.keys import KeyRing
from sirocco_serving.request.state import set_identity

_SCHEME = b"bearer "


class Identify:
    """Finds the holder of the bearer key, and removes the key from the headers."""

    def __init__(self, app: ASGIApp, keys: KeyRing) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] == "http":
            given = [value for name, value in scope["headers"] if name == b"authorization"]
            if given:
                scope = {
                    **scope,
                    "headers": [pair for pair in scope["headers"] if pair[0] != b"authorization"],
                }
                # With two headers another layer could read another key.
                if len(given) == 1 and given[0][: len(_SCHEME)].lower() == _SCHEME:
                    holder = self._keys.find(given[0][len(_SCHEME) :].strip())
                    if holder is not None:
                        set_identity(scope, holder)
        await self._app(scope, receive, send)
