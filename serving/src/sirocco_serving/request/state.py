"""What the layers know of one request. It is in `scope["state"]`, which all copies of a scope share."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

_IDENTITY = "sirocco_identity"
_BODY = "sirocco_body"
_ERROR_CODE = "sirocco_error_code"
_QUEUE_SECONDS = "sirocco_queue_seconds"
_CACHE_RESULT = "sirocco_cache_result"
_USAGE = "sirocco_usage"


@dataclass(frozen=True, slots=True)
class Identity:
    """The holder of a key.

    `models` None means every model. The rates are per minute, and None means no limit. `internal` marks the
    key that opens the metrics and vLLM's own routes.
    """

    name: str
    internal: bool = False
    models: frozenset[str] | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of one request, as far as it got."""

    prompt_tokens: int
    completion_tokens: int


def _state(scope: Scope) -> MutableMapping[str, Any]:
    state: MutableMapping[str, Any] = scope.setdefault("state", {})
    return state


def identity(scope: Scope) -> Identity | None:
    """Returns the holder of the request's key; None without a valid key."""
    found: Identity | None = _state(scope).get(_IDENTITY)
    return found


def set_identity(scope: Scope, holder: Identity) -> None:
    """Keeps the holder of the request's key."""
    _state(scope)[_IDENTITY] = holder


def request_body(scope: Scope) -> dict[str, Any] | None:
    """Returns the JSON object in the body of a request that generates; None for other requests."""
    body: dict[str, Any] | None = _state(scope).get(_BODY)
    return body


def set_request_body(scope: Scope, body: dict[str, Any]) -> None:
    """Keeps the parsed body."""
    _state(scope)[_BODY] = body


def error_code(scope: Scope) -> str | None:
    """Returns the code of the error that one of our modules answered; None without one."""
    code: str | None = _state(scope).get(_ERROR_CODE)
    return code


def set_error_code(scope: Scope, code: str) -> None:
    """Keeps the code of the error that answers the request."""
    _state(scope)[_ERROR_CODE] = code


def usage(scope: Scope) -> Usage | None:
    """Returns the tokens of the answer, known at its end; None when the engine got no request."""
    counted: Usage | None = _state(scope).get(_USAGE)
    return counted


def set_usage(scope: Scope, prompt_tokens: int, completion_tokens: int) -> None:
    """Keeps the tokens of the answer."""
    _state(scope)[_USAGE] = Usage(prompt_tokens, completion_tokens)


def queue_seconds(scope: Scope) -> float | None:
    """Returns how long the request waited for a place, in seconds; None when it needed none."""
    waited: float | None = _state(scope).get(_QUEUE_SECONDS)
    return waited


def set_queue_seconds(scope: Scope, waited: float) -> None:
    """Keeps how long the request waited for a place, in seconds."""
    _state(scope)[_QUEUE_SECONDS] = waited


def cache_result(scope: Scope) -> str | None:
    """Returns `hit` or `miss`; None for a request that the answer cache does not take."""
    result: str | None = _state(scope).get(_CACHE_RESULT)
    return result


def set_cache_result(scope: Scope, result: str) -> None:
    """Keeps `hit` or `miss`."""
    _state(scope)[_CACHE_RESULT] = result
