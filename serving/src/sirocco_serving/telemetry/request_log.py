"""One line of JSON a request, on stdout; never a text, a key or anything else that a client made up."""

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

Write = Callable[[Mapping[str, object]], None]


def write(entry: Mapping[str, object]) -> None:
    """Prints one entry, with the time in front; a log that nobody reads any more stops no request."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with suppress(OSError):
        sys.stdout.write(json.dumps({"time": now, **entry}) + "\n")
        sys.stdout.flush()
