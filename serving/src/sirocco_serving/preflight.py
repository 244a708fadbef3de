"""What runs first in each of vLLM's processes: refuse wrong settings, and keep the cause of a crash."""

import os

from sirocco_serving.access.keys import open_keys
from sirocco_serving.config import settings
from sirocco_serving.engine.crash_cause import keep_crash_causes
from sirocco_serving.telemetry.collector_headers import check_headers


def check() -> None:
    """The general plugin, called by vLLM once in the API server, in the engine and in each worker.

    Raises StartupError when settings, keys or headers cannot be read, before any weight is loaded.
    """
    open_keys(settings().access)
    check_headers(os.environ)
    keep_crash_causes()
