"""The layer that checks a parsed body: the limits that need no engine, and denied prompts."""

from starlette.types import ASGIApp, Receive, Scope, Send

from sirocco_serving.config import LimitSettings
from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.limits.prompt_filter import PromptFilter
from sirocco_serving.limits.request_limits import check
from sirocco_serving.request.paths import prompt_field
from sirocco_serving.request.state import request_body
from sirocco_serving.telemetry import metrics


class Policy:
    """Answers 422 for a field over a limit, and 400 for a denied prompt. Counts denied prompts by rule."""

    def __init__(self, app: ASGIApp, limits: LimitSettings, prompt_filter: PromptFilter) -> None:
        self._app = app
        self._limits = limits
        self._filter = prompt_filter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it."""
        body = request_body(scope) if scope["type"] == "http" else None
        if body is not None:
            try:
                check(body, self._limits)
                if not self._filter.empty and (rule := await self._filter.broken_rule(body)) is not None:
                    metrics.DENIED.labels(rule).inc()
                    message = f"The prompt breaks the rule {rule!r} of this model."
                    raise RequestError(400, "prompt_denied", message, param=prompt_field(scope["path"]))
            except RequestError as problem:
                await problem.answer(scope, receive, send)
                return
        await self._app(scope, receive, send)
