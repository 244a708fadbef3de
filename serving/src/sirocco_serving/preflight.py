"""The general plugin, which vLLM runs first in each of its processes."""

import os

from sirocco_serving.access.keys import open_keys
from sirocco_serving.config import settings
from sirocco_serving.engine.crash_cause import keep_crash_causes
from sirocco_serving.telemetry.collector_headers import check_headers


def check() -> None:
    """Checks the settings, the keys and the collector's headers, and keeps the cause of a crash.

    vLLM calls it once in the API server, in the engine and in each worker, before it loads any weights.
    Raises StartupError when settings, keys or headers are wrong.
    """
    open_keys(settings().access)
    check_headers(os.environ)
    keep_crash_causes()
