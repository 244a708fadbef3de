"""The request log: one line of JSON for each request, on stdout, without prompts, texts and keys."""

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

Write = Callable[[Mapping[str, object]], None]


def write(entry: Mapping[str, object]) -> None:
    """Prints one entry with the time. A closed stdout stops no request."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with suppress(OSError):
        sys.stdout.write(json.dumps({"time": now, **entry}) + "\n")
        sys.stdout.flush()
