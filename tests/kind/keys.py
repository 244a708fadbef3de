"""Content keys: what a cached thing was made from, as a short hash."""

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path


def key_of(*parts: str | bytes) -> str:
    """Hash parts so that neither their order nor their borders can be confused; 16 hex digits."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(f"{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()[:16]


def files_key(root: Path, files: Iterable[str]) -> str:
    """Hash the names, executable bits and contents of files given relative to root."""
    parts: list[str | bytes] = []
    for name in sorted(files):
        path = root / name
        parts += [name, "x" if path.stat().st_mode & 0o111 else "-", path.read_bytes()]
    return key_of(*parts)


def files_below(root: Path, *paths: str) -> list[str]:
    """Return the files of a git work tree below paths, tracked or new, without what git ignores."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths],
        cwd=root,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return sorted({name for name in listing.split("\0") if name and (root / name).is_file()})
