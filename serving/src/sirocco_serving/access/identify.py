"""Whose key came with a request. Refuses nothing: what a path asks for is decided further in."""

from starlette.types import ASGIApp, Receive, Scope, Send

from sirocco_serving.access.keys import KeyRing
from sirocco_serving.request.state import set_identity

_SCHEME = b"bearer "


class Identify:
    """Looks the bearer key up and takes it out of the headers, so that nothing further in can tell it."""

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
                # Two of them could mean one holder here and another one elsewhere.
                if len(given) == 1 and given[0][: len(_SCHEME)].lower() == _SCHEME:
                    who = self._keys.find(given[0][len(_SCHEME) :].strip())
                    if who is not None:
                        set_identity(scope, who)
        await self._app(scope, receive, send)
