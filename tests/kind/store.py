"""The node's image store, in the cache: it outlives the node, so that images are not loaded for each cluster.

It is containerd's own folder. A new node forgets the pods of the one before it (go/forget-pods) and keeps the
images.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kind import versions
from tests.kind.keys import key_of
from tests.kind.paths import CACHE
from tests.kind.steps import run_logged, say

RECIPE = "1"
FOLDER = CACHE / "node-store"
WRITING = "writing"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def folder(root: Path = FOLDER) -> Path:
    """Return the store of the pinned versions: another containerd or Kubernetes starts with an empty one."""
    return root / key_of(RECIPE, versions.CONTAINERD, versions.KUBERNETES, versions.ETCD, versions.COREDNS)


def ensure(root: Path = FOLDER, boot: str | None = None) -> Path:
    """Have the store and return it, without those of other versions. No node may be using one.

    What was being written when the machine went down is not to be trusted: such a store starts empty. `boot`
    names this start of the machine.
    """
    current = folder(root)
    for other in root.iterdir() if root.exists() else ():
        if other not in (current, _note(current)):
            _remove(other)
    if _note(current).exists() and _note(current).read_text() != (boot or _boot()):
        say("    the machine went down while images were being written: the node's image store starts empty")
        _remove(current)
        _note(current).unlink()
    current.mkdir(parents=True, exist_ok=True)
    return current


@contextmanager
def writing(root: Path = FOLDER) -> Iterator[None]:
    """Mark the store as unfinished for as long as images are written to it, and until the disk has them."""
    current = folder(root)
    if not current.exists():
        # A published node keeps its images in itself.
        yield
        return
    _note(current).write_text(_boot())
    yield
    run_logged(["sync", "--file-system", current], "sync", advice="Is the disk healthy? Then run this again.")
    _note(current).unlink()


def _note(current: Path) -> Path:
    return current.with_name(f"{current.name}.{WRITING}")


def _boot() -> str:
    return BOOT_ID.read_text()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        os.unlink(path)
