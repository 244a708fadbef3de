"""The volume of a download: its lock, its marker of completeness, its space."""

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sirocco_serving.download.failure import DownloadError

MARKER = ".sirocco-complete"
PARTS = ".sirocco-parts"
POLL_SECONDS = 1.0
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
NO_ACCESS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@dataclass(frozen=True, slots=True)
class Place:
    """The place of one revision of one repository. Replicas with the same volume share it."""

    target: Path
    repository: str
    revision: str

    @property
    def lock_path(self) -> Path:
        """The path of the lock: beside the target, which holds the model alone."""
        return self.target.with_name(f".{self.target.name}.lock")

    def complete(self) -> bool:
        """Returns whether this repository and revision was downloaded completely."""
        try:
            return bool(json.loads((self.target / MARKER).read_text()) == self._identity())
        except (OSError, ValueError):
            return False

    def mark_complete(self) -> None:
        """Marks the target as complete, atomically."""
        shutil.rmtree(self.target / PARTS, ignore_errors=True)
        staged = self.target / f"{MARKER}.new"
        staged.write_text(json.dumps(self._identity()))
        staged.replace(self.target / MARKER)

    def _identity(self) -> dict[str, str]:
        return {"repository": self.repository, "revision": self.revision}

    def file(self, path: str) -> Path:
        """Returns the path of a file. Raises DownloadError for a path outside the target."""
        return self._inside(self.target, path)

    def part(self, path: str) -> Path:
        """Returns the path of the file while it is incomplete. Raises DownloadError as `file` does."""
        return self._inside(self.target / PARTS, path)

    def prepare(self, commit: str) -> None:
        """Keeps what an earlier try fetched of this commit, and removes what it fetched of another."""
        noted = self.target / PARTS / "commit"
        if self.target.exists() and not (noted.exists() and noted.read_text() == commit):
            shutil.rmtree(self.target)
        noted.parent.mkdir(parents=True, exist_ok=True)
        noted.write_text(commit)

    @staticmethod
    def _inside(folder: Path, path: str) -> Path:
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise DownloadError("failed", f"the hub names a file outside of the repository: {path!r}")
        return folder / path

    @contextmanager
    def locked(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Holds the lock of the volume, and calls `waiting` once if another process holds it.

        The lock ends with its process.
        """
        self.target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.lock_path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not _try_lock(descriptor):
                waiting()
                while not _try_lock(descriptor):
                    time.sleep(POLL_SECONDS)
            yield
        finally:
            os.close(descriptor)

    def announce(self, total_bytes: int) -> None:
        """Writes the total for those who wait for the lock."""
        self.lock_path.write_text(str(total_bytes))

    def total_bytes(self) -> int | None:
        """Returns the total that the holder of the lock wrote; None without one."""
        try:
            return int(self.lock_path.read_text())
        except (OSError, ValueError):
            return None

    def done_bytes(self) -> int:
        """Returns the size of the target, incomplete files included."""
        return sum(_size(Path(folder) / name) for folder, _, names in os.walk(self.target) for name in names)

    def require_space(self, total_bytes: int) -> None:
        """Raises DownloadError when the missing bytes do not fit the volume."""
        missing = total_bytes - self.done_bytes()
        free = shutil.disk_usage(self.target.parent).free
        if missing > free:
            raise self.no_space(f"{_gib(missing)} are missing and {_gib(free)} are free")

    def no_space(self, detail: str) -> DownloadError:
        """Returns the error for a full volume."""
        return DownloadError(
            "no-space",
            f"the volume at {self.target.parent} is too small: {detail}. "
            "Set cache.claimName to a larger claim, or enlarge the one it names",
        )

    def no_access(self, error: OSError) -> DownloadError:
        """Returns the error for a volume that this user may not write to."""
        return DownloadError(
            "no-access",
            f"the volume at {self.target.parent} cannot be written ({error.strerror}) by user {os.getuid()}: "
            "use a claim that is not read-only and that the pod's fsGroup may write",
        )


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0  # It was renamed or removed meanwhile.


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
