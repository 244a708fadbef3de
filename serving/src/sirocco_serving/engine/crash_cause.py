"""Writes the cause of a crash of vLLM's engine into the container's termination message."""

import logging
from pathlib import Path

# The kubelet shows this file as the termination message. Otherwise it shows the end of the log, which has the
# traceback of the API server instead of the engine's.
TERMINATION_LOG = Path("/dev/termination-log")
# The kubelet reads 4,096 bytes for all containers together: half leaves room for the others.
LONGEST = 2000

# vLLM's loggers and messages for an engine or a worker that crashes, the same in 0.26, 0.32 and 0.33.
LOGGERS = ("vllm.v1.engine.core", "vllm.v1.executor.multiproc_executor")
CRASHES = (
    "EngineCore failed to start",
    "EngineCore encountered a fatal error",
    "WorkerProc failed to start",
    "WorkerProc hit an exception",
)


def keep_crash_causes() -> None:
    """Adds a handler to each of vLLM's loggers that report a crash."""
    for name in LOGGERS:
        logging.getLogger(name).addHandler(CauseKeeper(TERMINATION_LOG))


class CauseKeeper(logging.Handler):
    """Writes the innermost cause of a crash into a file that exists and is empty."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.ERROR)
        self._path = path

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the cause of a record that reports a crash. Never raises."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None or not str(record.msg).startswith(CRASHES):
            return
        try:
            if self._path.stat().st_size == 0:
                cause = innermost(error)
                self._path.write_bytes(f"{type(cause).__name__}: {cause}".encode()[:LONGEST])
        except OSError:
            pass  # Outside Kubernetes there is no such file.


def innermost(error: BaseException) -> BaseException:
    """Returns the error at the end of the chain of causes."""
    while (
        cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    ) is not None:
        error = cause
    return error
