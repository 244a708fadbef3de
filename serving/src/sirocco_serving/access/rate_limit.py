"""How many requests and tokens a key may use in a minute.

Requests count as they come, tokens count at the end of an answer. Windows are fixed and begin with the first
request of a key. Each pod counts for itself.
"""

import math
import time
from collections.abc import Awaitable
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.request.paths import generates
from sirocco_serving.request.state import identity, usage


@dataclass(frozen=True, slots=True)
class _Rate:
    """The limit of one key for one kind, `requests` or `tokens`."""

    kind: str
    key: str
    item: RateLimitItemPerMinute


class RateLimit:
    """Answers 429 when a key has used up its minute, and adds what is left to each answer's headers.

    A request passes while any tokens are left, because its own count is only known at its end. So the last
    request may use more than was left, and so may requests that run at the same time.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on and counts it, or answers it."""
        requests, tokens = _rates(scope)
        if requests is None and tokens is None:
            await self._app(scope, receive, send)
            return
        send = self._with_headers([rate for rate in (requests, tokens) if rate is not None], send)
        for rate, free in ((tokens, self._has_some_left), (requests, self._take)):
            if rate is not None and not await free(rate):
                await (await self._problem(rate)).answer(scope, receive, send)
                return
        try:
            await self._app(scope, receive, send)
        finally:
            counted = usage(scope)
            if tokens is not None and counted is not None:
                await self._take(tokens, counted.prompt_tokens + counted.completion_tokens)

    async def _has_some_left(self, rate: _Rate) -> bool:
        return await self._limiter.test(rate.item, rate.key, rate.kind)

    async def _take(self, rate: _Rate, amount: int = 1) -> bool:
        # A count of 0 must not begin a window.
        return amount == 0 or await self._limiter.hit(rate.item, rate.key, rate.kind, cost=amount)

    async def _state(self, rate: _Rate) -> tuple[int, int]:
        """Returns what is left, and the seconds until the window ends."""
        window = await self._limiter.get_window_stats(rate.item, rate.key, rate.kind)
        return max(0, window.remaining), max(0, math.ceil(window.reset_time - time.time()))

    async def _problem(self, rate: _Rate) -> RequestError:
        _, seconds = await self._state(rate)
        message = f"The key `{rate.key}` may use {rate.item.amount} {rate.kind} a minute, which are used up."
        return RequestError(429, f"{rate.kind}_per_minute", message, retry_after_seconds=max(1, seconds))

    def _with_headers(self, rates: list[_Rate], send: Send) -> Send:
        async def begin(message: Message) -> None:
            headers = [pair for rate in rates for pair in await self._headers(rate)]
            await send({**message, "headers": [*message.get("headers", ()), *headers]})

        def forward(message: Message) -> Awaitable[None]:
            return begin(message) if message["type"] == "http.response.start" else send(message)

        return forward

    async def _headers(self, rate: _Rate) -> list[tuple[bytes, bytes]]:
        left, seconds = await self._state(rate)
        kind = rate.kind.encode()
        return [
            (b"x-ratelimit-limit-" + kind, b"%d" % rate.item.amount),
            (b"x-ratelimit-remaining-" + kind, b"%d" % left),
            (b"x-ratelimit-reset-" + kind, b"%ds" % seconds),
        ]


def _rates(scope: Scope) -> tuple[_Rate | None, _Rate | None]:
    holder = identity(scope) if generates(scope) else None
    if holder is None:
        return None, None
    limits = (("requests", holder.requests_per_minute), ("tokens", holder.tokens_per_minute))
    requests, tokens = (
        None if amount is None else _Rate(kind, holder.name, RateLimitItemPerMinute(amount))
        for kind, amount in limits
    )
    return requests, tokens
