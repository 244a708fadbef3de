"""Rewrites the errors of vLLM and FastAPI in the one format, without what the client sent.

vLLM's validation messages repeat refused values, which may be a prompt. No answer may hold one.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from sirocco_serving.errors.request_error import RequestError

_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    415: "unsupported_media_type",
    422: "invalid_value",
    503: "unavailable",
}
# vLLM 0.26 to 0.33 print Pydantic's errors as dictionaries, one on each line,
_LISTED = re.compile(
    r"""'loc':\ (?P<loc>'[^']*'|\([^)]*\)),\ 'msg':\ (?P<msg>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""",
    re.VERBOSE,
)
# or as the text of the exception.
_VALUE = re.compile(r"\s*\[type=[\w.]+, input_value=.*?, input_type=[\w.]+\]", re.DOTALL)
_LINK = re.compile(r"\n\s*For further information visit \S+")
# vLLM's own errors end with the value.
_PARAMETER = re.compile(r"\s*\(parameter=[^,]*, value=.*\)\s*$", re.DOTALL)
# A shorter text may be in a message by chance.
_SHORTEST_TEXT = 8
_LONGEST_MESSAGE = 2000


def rewritten(status: int, body: bytes, request: dict[str, Any] | None) -> RequestError:
    """Returns the error for an answer with `status` and `body`. `request` is what the client sent."""
    if status >= 500:
        code = _CODES.get(status, "internal_error")
        after = 1 if status == 503 else None
        return RequestError(
            status, code, "The engine could not answer this request.", retry_after_seconds=after
        )
    error = _error_fields(body)
    param = error.get("param")
    param = param.removeprefix("body.") if isinstance(param, str) else None
    message = _without_values(str(error.get("message") or "The request is not valid."))
    for text in _texts(request):
        message = message.replace(text, "…").replace(repr(text)[1:-1], "…")
    code = "model_not_found" if (status, param) == (404, "model") else _CODES.get(status, "invalid_request")
    return RequestError(status, code, message[:_LONGEST_MESSAGE], param=param)


def _error_fields(body: bytes) -> dict[str, Any]:
    """Returns `message` and `param` of an error in vLLM's format or FastAPI's."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(value, dict):
        return {}
    error = value.get("error")
    if isinstance(error, dict):
        return error
    detail = value.get("detail")
    return {"message": detail} if isinstance(detail, str) else {}


def _without_values(message: str) -> str:
    listed = [_listed(match["loc"], match["msg"]) for match in _LISTED.finditer(message)]
    if listed:
        return "; ".join(dict.fromkeys(listed))
    return _PARAMETER.sub("", _LINK.sub("", _VALUE.sub("", message)))


def _listed(place: str, message: str) -> str:
    parts = [part for part in re.split(r"[\s'(),.]+", place) if part and part != "body"]
    return f"{'.'.join(parts) or 'body'}: {message[1:-1]}"


def _texts(value: object) -> Iterator[str]:
    """Yields every longer text that the client sent."""
    if isinstance(value, str):
        if len(value) >= _SHORTEST_TEXT:
            yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            if name != "model":
                yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
