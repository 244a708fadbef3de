"""What the middleware knows of one request, kept in `scope["state"]`: every copy of a scope shares that."""

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
    """Who asks: the holder of one key.

    `models` None is every model; the rates are per minute, None is no limit. `internal` is the key that
    opens metrics and vLLM's own routes.
    """

    name: str
    internal: bool = False
    models: frozenset[str] | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answered request, as far as it got."""

    prompt_tokens: int
    completion_tokens: int


def _state(scope: Scope) -> MutableMapping[str, Any]:
    state: MutableMapping[str, Any] = scope.setdefault("state", {})
    return state


def identity(scope: Scope) -> Identity | None:
    """Whose key came with the request; None without a valid key."""
    found: Identity | None = _state(scope).get(_IDENTITY)
    return found


def set_identity(scope: Scope, who: Identity) -> None:
    """Keeps whose key came with the request."""
    _state(scope)[_IDENTITY] = who


def request_body(scope: Scope) -> dict[str, Any] | None:
    """The JSON object in the body of a request that generates; None for other requests."""
    body: dict[str, Any] | None = _state(scope).get(_BODY)
    return body


def set_request_body(scope: Scope, body: dict[str, Any]) -> None:
    """Keeps the parsed body."""
    _state(scope)[_BODY] = body


def error_code(scope: Scope) -> str | None:
    """The code of the error that one of our modules answered with."""
    code: str | None = _state(scope).get(_ERROR_CODE)
    return code


def set_error_code(scope: Scope, code: str) -> None:
    """Keeps why a request was refused."""
    _state(scope)[_ERROR_CODE] = code


def usage(scope: Scope) -> Usage | None:
    """The tokens of the answer, known at its end; None when the engine saw nothing."""
    counted: Usage | None = _state(scope).get(_USAGE)
    return counted


def set_usage(scope: Scope, prompt_tokens: int, completion_tokens: int) -> None:
    """Keeps the tokens of the answer."""
    _state(scope)[_USAGE] = Usage(prompt_tokens, completion_tokens)


def queue_seconds(scope: Scope) -> float | None:
    """How long the request waited for its place; None when it never asked for one."""
    waited: float | None = _state(scope).get(_QUEUE_SECONDS)
    return waited


def set_queue_seconds(scope: Scope, waited: float) -> None:
    """Keeps how long the request waited for its place."""
    _state(scope)[_QUEUE_SECONDS] = waited


def cache_result(scope: Scope) -> str | None:
    """`hit` or `miss` of a request that the answer cache may answer; None for others."""
    result: str | None = _state(scope).get(_CACHE_RESULT)
    return result


def set_cache_result(scope: Scope, result: str) -> None:
    """Keeps whether the answer cache had the answer."""
    _state(scope)[_CACHE_RESULT] = result
