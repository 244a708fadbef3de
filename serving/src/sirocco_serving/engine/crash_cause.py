"""The cause of a crash of vLLM's engine, kept where the kubelet looks for it."""

import logging
from pathlib import Path

# The kubelet shows this file's text as the container's termination message, else the log's end, where the
# API server's own traceback hides what happened in the engine's process.
TERMINATION_LOG = Path("/dev/termination-log")
# The kubelet reads 4,096 bytes of all containers together: half of that leaves room for the others.
LONGEST = 2000

# vLLM's loggers and messages for an engine or a worker that dies, the same in 0.26, 0.32 and 0.33.
LOGGERS = ("vllm.v1.engine.core", "vllm.v1.executor.multiproc_executor")
DEATHS = (
    "EngineCore failed to start",
    "EngineCore encountered a fatal error",
    "WorkerProc failed to start",
    "WorkerProc hit an exception",
)


def keep_crash_causes() -> None:
    """Adds a keeper to each of vLLM's loggers that tell of a crash."""
    for name in LOGGERS:
        logging.getLogger(name).addHandler(CauseKeeper(TERMINATION_LOG))


class CauseKeeper(logging.Handler):
    """Writes the innermost cause of a dying process into an empty, existing file; the first one stays."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.ERROR)
        self._path = path

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps one record's cause, if it tells of a death; never raises."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None or not str(record.msg).startswith(DEATHS):
            return
        try:
            if self._path.stat().st_size == 0:
                told = innermost(error)
                text = f"{type(told).__name__}: {told}".encode()[:LONGEST]
                self._path.write_bytes(text)
        except OSError:
            pass  # Outside Kubernetes there is no such file, and the log has the traceback.


def innermost(error: BaseException) -> BaseException:
    """The error that `error` came from, at the end of its chain."""
    while (
        cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    ) is not None:
        error = cause
    return error
