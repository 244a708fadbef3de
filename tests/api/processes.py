"""Programs that tests start: where they are, and how they end."""

import itertools
import os
import random
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

# The kernel kills the program when the thread that started it ends, however it ends.
WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")

# pytest-xdist tells each of its workers which one it is and how many there are.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
# Below 32768, from where on the kernel gives ports to outgoing connections, and below Kubernetes' node ports.
# In random order, as test runs may go on beside one another; no port is in the share of two workers.
_SHARE = range(10_000 + _WORKER, 30_000, _WORKERS)
_PORTS = iter(random.sample(_SHARE, len(_SHARE)))


def tools() -> Path:
    """The folder of the project's tools; `python -m tests.kind tools` fills it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "sirocco" / "bin"


def tool(name: str) -> str:
    """The path of one tool; raises FileNotFoundError with what to run when it is not installed."""
    path = tools() / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is not installed: run `make tools`")
    return str(path)


def free_ports(count: int) -> tuple[int, ...]:
    """Ports that nothing listens on, each given once, so that a test may close and open its port at will."""
    return tuple(itertools.islice(filter(_is_free, _PORTS), count))


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("", port)).close()
    except OSError:
        return False
    return True


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was started in a session of its own, with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def last_lines(path: Path, count: int = 30) -> str:
    """The end of a log file, for a failure's message."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:]) if path.exists() else "(no log)"
