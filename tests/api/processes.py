"""Programs that tests start: where they are, and how they end."""

import os
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

# The kernel kills the program when the thread that started it ends, however it ends.
WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")


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
    """Ports of 127.0.0.1 that nothing listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = tuple(int(each.getsockname()[1]) for each in sockets)
    for each in sockets:
        each.close()
    return ports


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was started in a session of its own, with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def last_lines(path: Path, count: int = 30) -> str:
    """The end of a log file, for a failure's message."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:]) if path.exists() else "(no log)"
