"""Named, timed steps; long commands with a log file, a line of progress and a tail on failure."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.kind.paths import CACHE, LOGS
from tests.waiting import eventually

PROGRESS_SECONDS = 10


class StepError(Exception):
    """A step failed; the message says why and what to do, no traceback is needed."""


def say(text: str) -> None:
    """Print one line at once, also when the output is a file."""
    print(text, flush=True)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print a step's name, then how long it took or that it failed."""
    say(f"==> {name}")
    started = time.monotonic()
    try:
        yield
    except BaseException:
        say(f"    {name}: failed after {time.monotonic() - started:.0f} s")
        raise
    say(f"    {name}: {time.monotonic() - started:.1f} s")


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold the cache folder's lock; wait for another run that holds it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            say(f"another run (process {lock.read().strip() or 'unknown'}) is at work: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def run_logged(
    argv: Sequence[str | Path],
    log: str,
    *,
    advice: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: Path | None = None,
) -> None:
    """Run a long command with its output in LOGS/log.log and a progress line every 10 s.

    env is added to the process's own. Raises StepError with the log's last lines and the advice.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{log}.log"
    source = stdin.open("rb") if stdin else subprocess.DEVNULL
    try:
        with path.open("wb") as output:
            process = subprocess.Popen(
                [str(word) for word in argv],
                stdin=source,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
            )
            code = _wait_with_progress(process, path)
    finally:
        if not isinstance(source, int):
            source.close()
    if code != 0:
        raise StepError(
            f"{argv[0]} ended with status {code}; the last lines of {path}:\n{log_tail(path)}\n{advice}"
        )


def _wait_with_progress(process: subprocess.Popen[bytes], log: Path) -> int:
    started = time.monotonic()
    shown = ""
    try:
        while True:
            try:
                return process.wait(timeout=PROGRESS_SECONDS)
            except subprocess.TimeoutExpired:
                last = log_tail(log, 1).strip()[:110]
                news = f": {last}" if last != shown else ""
                say(f"    … {time.monotonic() - started:.0f} s  {log.stem}{news}")
                shown = last
    except BaseException:
        process.terminate()
        process.wait(timeout=30)
        raise


def log_tail(path: Path, lines: int = 25) -> str:
    """Return the last lines of a log, or a word on why there are none."""
    if not path.exists():
        return f"(no log at {path})"
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - 16384))
        text = log.read().decode(errors="replace").replace("\r", "\n")
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def wait_for(what: str, condition: Callable[[], bool], seconds: float, *, advice: str) -> None:
    """Look at a condition every half second; raise StepError with the advice when time is up."""
    try:
        eventually(condition, seconds, what, interval=0.5)
    except AssertionError as error:
        raise StepError(f"{error}. {advice}") from None


def output_of(
    argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, seconds: float = 60
) -> str:
    """Return a short command's standard output; raise StepError with its error output."""
    command = [str(word) for word in argv]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise StepError(f"{' '.join(command)}: {error}") from error
    if done.returncode != 0:
        raise StepError(f"{' '.join(command)}: status {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def succeeds(argv: Sequence[str | Path], *, seconds: float = 30) -> bool:
    """Say whether a short command ends with status 0 in time."""
    try:
        output_of(argv, seconds=seconds)
    except StepError:
        return False
    return True


def is_root() -> bool:
    """Say whether this process may change the host."""
    return os.geteuid() == 0


def interpreter() -> str:
    """Return the base Python's path, which outlives a clone's virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))
