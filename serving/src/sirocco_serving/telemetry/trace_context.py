"""The id of a request: its caller's W3C trace id, or a new one of the same form."""

import re
import uuid
from collections.abc import Iterable

# https://www.w3.org/TR/trace-context/#traceparent-header: version, trace id, parent id, flags.
_TRACEPARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)


def trace_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """32 hexadecimal digits: those of a valid `traceparent` header, else random ones."""
    for name, value in headers:
        if name == b"traceparent" and (match := _TRACEPARENT.fullmatch(value)):
            return match[1].decode()
    return uuid.uuid4().hex
