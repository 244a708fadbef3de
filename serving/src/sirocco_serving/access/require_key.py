"""With keys on, every request needs a key, and the metrics need the internal key."""

from starlette.types import ASGIApp, Receive, Scope, Send

from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.request.paths import HEALTH, METRICS
from sirocco_serving.request.state import identity


class RequireKey:
    """Answers 401 without a valid key, and 403 for a user's key on `/metrics`. Probes need no key."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it."""
        problem = _problem(scope) if scope["type"] == "http" else None
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await problem.answer(scope, receive, send)


def _problem(scope: Scope) -> RequestError | None:
    # A browser sends no key with OPTIONS, and no route acts on it.
    if scope["path"] in HEALTH or scope["method"] == "OPTIONS":
        return None
    holder = identity(scope)
    if holder is None:
        message = "This model asks for a valid key: send the header `Authorization: Bearer KEY`."
        return RequestError(401, "invalid_api_key", message)
    if scope["path"] == METRICS and not holder.internal:
        return RequestError(403, "internal_key_needed", "Metrics are for the internal key alone.")
    return None
