"""What the API server answers when it does not do what was asked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

# A webhook may say what it likes, at any length and to any client.
_LONGEST_MESSAGE: Final = 4096
_LONGEST_WAIT_SECONDS: Final = 300.0


@dataclass(frozen=True)
class StatusCause:
    """A cause of an answer that is no success, e.g. reason `FieldValueRequired` of field `spec.selector`."""

    reason: str
    field: str


class ApiError(Exception):
    """An answer that is no success, in the API server's words; status 0 when there was no answer."""

    def __init__(
        self,
        status: int,
        message: str,
        reason: str = "",
        retry_after: float = 0.0,
        causes: tuple[StatusCause, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason
        self.retry_after = retry_after
        self.causes = causes

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later without anybody's doing."""
        return self.status == 0 or self.status == 429 or self.status >= 500


class AnswerTooLongError(ApiError):
    """An answer of more bytes than are read."""


def api_error(status: int, content: bytes, retry_after: str) -> ApiError:
    """Read an answer that is no success; `retry_after` is that header, empty without one."""
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    told = answer if isinstance(answer, dict) else {}
    message = str(told.get("message") or content.decode(errors="replace")[:500] or f"HTTP {status}")
    wait = min(float(retry_after), _LONGEST_WAIT_SECONDS) if retry_after.isdigit() else 0.0
    reason = str(told.get("reason") or "")
    return ApiError(status, message[:_LONGEST_MESSAGE], reason, wait, _causes(told))


def _causes(told: Mapping[str, Any]) -> tuple[StatusCause, ...]:
    details = told.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    return tuple(
        StatusCause(str(each.get("reason") or ""), str(each.get("field") or ""))
        for each in causes or ()
        if isinstance(each, dict)
    )
