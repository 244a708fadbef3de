"""The models that a key may use."""

from starlette.types import ASGIApp, Receive, Scope, Send

from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.request.paths import generates
from sirocco_serving.request.state import identity, request_body


class AllowedModels:
    """Answers 403 for a model that the key may not use."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it."""
        problem = _problem(scope) if generates(scope) else None
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await problem.answer(scope, receive, send)


def _problem(scope: Scope) -> RequestError | None:
    holder = identity(scope)
    if holder is None or holder.models is None or not holder.models.isdisjoint(_models(scope)):
        return None
    allowed = ", ".join(sorted(holder.models))
    message = f"The key `{holder.name}` may not use this model; it may use {allowed}."
    return RequestError(403, "model_not_allowed", message, param="model")


def _models(scope: Scope) -> list[str]:
    """Returns the names of the request's model. A request that names none is for the base model."""
    named = (request_body(scope) or {}).get("model")
    if named and scope["path"].startswith("/v1/"):
        return [named] if isinstance(named, str) else []
    # vLLM's own arguments hold the names of the base model.
    arguments = scope["app"].state.args
    return list(arguments.served_model_name or [arguments.model])
