"""What a process has used, from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What a process used since its start: seconds of CPU, peak of resident memory in MiB."""

    cpu: float
    memory: float


def usage(pid: int) -> Usage:
    """Read a process's usage."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: utime and stime are fields 14 and 15.
    return Usage((int(fields[11]) + int(fields[12])) / TICKS, peak / 1024)
