"""What a dockerd that was killed leaves behind: processes, mounts and files that stop the next one."""

import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.kind.paths import WORK
from tests.kind.steps import StepError, wait_for

RUN = Path("/run/docker")
SOCKETS = ("docker.pid", "docker.sock")
CONTAINERD = "/docker/containerd/"
"""In the command line of dockerd's own containerd and its shims, never in a host's own containerd."""


def clear(data: Path) -> None:
    """Remove what a dead dockerd with this data folder left; raises StepError while one is alive."""
    alive = [pid for pid in _pids() if name_of(pid) == "dockerd"]
    if alive:
        raise StepError(
            f"dockerd runs (process {alive[0]}) and does not answer: see why in its log, or stop it,"
            " and run this again."
        )
    containers = _container_ids(data)
    left = _processes(containers)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    advice = f"End these processes by hand: {', '.join(map(str, left))}."
    wait_for("containers of a dead dockerd to end", lambda: not _processes(containers), 30, advice=advice)
    unmount_below(data, RUN)
    for name in SOCKETS:
        (RUN.parent / name).unlink(missing_ok=True)
    shutil.rmtree(RUN, ignore_errors=True)


def unmount_below(*folders: Path) -> None:
    """Unmount what is mounted at or below folders, the innermost first."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    prefixes = tuple(f"{folder}/" for folder in folders)
    for mount in sorted((each for each in mounts if f"{each}/".startswith(prefixes)), reverse=True):
        subprocess.run(["umount", "--lazy", mount], capture_output=True)


def clear_work() -> None:
    """Remove what an interrupted run left in WORK; the caller holds the lock."""
    if WORK.exists():
        # An interrupted debootstrap leaves /proc mounted, and removing would reach through it.
        unmount_below(WORK)
        shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)


def name_of(pid: int) -> str:
    """Return a process's program name, empty when there is no such process or it is a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    name, _, rest = text.partition("(")[2].rpartition(")")
    return "" if rest.split()[0] == "Z" else name


def container_of(cgroups: str) -> str | None:
    """Return the id of the Docker container that a /proc/PID/cgroup text belongs to."""
    found = re.search(r"/docker[/-]([0-9a-f]{64})", cgroups)
    return found.group(1) if found else None


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _container_ids(data: Path) -> set[str]:
    folder = data / "containers"
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _processes(containers: set[str]) -> list[int]:
    found = []
    for pid in _pids():
        with suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
            container = container_of(Path(f"/proc/{pid}/cgroup").read_text())
            of_dockerd = CONTAINERD in command and name_of(pid).startswith("containerd")
            if name_of(pid) and (of_dockerd or container in containers):
                found.append(pid)
    return found
