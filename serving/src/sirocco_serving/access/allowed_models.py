"""A key that is bound to some models opens no other."""

from starlette.types import ASGIApp, Receive, Scope, Send

from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.request.paths import generates
from sirocco_serving.request.state import identity, request_body


class AllowedModels:
    """Answers 403 when the request's model is not among the key's."""

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
    who = identity(scope)
    if who is None or who.models is None or not who.models.isdisjoint(_models(scope)):
        return None
    allowed = ", ".join(sorted(who.models))
    message = f"The key `{who.name}` may not use this model; it may use {allowed}."
    return RequestError(403, "model_not_allowed", message, param="model")


def _models(scope: Scope) -> list[str]:
    """The names of the model that the request is for: a request without one is for the base model."""
    named = (request_body(scope) or {}).get("model")
    if named and scope["path"].startswith("/v1/"):
        return [named] if isinstance(named, str) else []
    # vLLM's own arguments: the names that it serves the base model under.
    arguments = scope["app"].state.args
    return list(arguments.served_model_name or [arguments.model])
