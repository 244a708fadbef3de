"""Shifts the wall clock of the Python process whose path leads here by $CLOCK_OFF_SECONDS.

As on a machine whose clock is wrong: time that passes (`time.monotonic`) is left alone.
"""

import datetime
import os
import time
from typing import Any

_SECONDS = float(os.environ["CLOCK_OFF_SECONDS"])
_REAL = datetime.datetime
_time, _time_ns = time.time, time.time_ns


class _Real(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, _REAL)


class _Shifted(_REAL, metaclass=_Real):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return _REAL.now(tz) + datetime.timedelta(seconds=_SECONDS)


datetime.datetime = _Shifted  # type: ignore[misc]
time.time = lambda: _time() + _SECONDS
time.time_ns = lambda: _time_ns() + int(_SECONDS * 1e9)
