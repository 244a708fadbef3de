"""The id of a request: the W3C trace id of its caller, or a new one."""

import re
import uuid
from collections.abc import Iterable

# https://www.w3.org/TR/trace-context/#traceparent-header: version, trace id, parent id, flags.
_TRACEPARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)


def trace_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Returns the trace id of a valid `traceparent` header, else a random one: 32 hexadecimal digits."""
    for name, value in headers:
        if name == b"traceparent" and (match := _TRACEPARENT.fullmatch(value)):
            return match[1].decode()
    return uuid.uuid4().hex
