"""Content keys: what a cached thing was made from, as a short hash."""

import hashlib
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
    """Return the files at and below paths, relative to root, without what tools leave there; sorted."""
    found = set()
    for path in paths:
        start = root / path
        if not start.exists():
            raise FileNotFoundError(f"{start} is missing: the image's list of inputs names it")
        files = [start] if start.is_file() else [each for each in start.rglob("*") if each.is_file()]
        found |= {file.relative_to(root) for file in files}
    return sorted(str(file) for file in found if not any(_is_left_by_a_tool(part) for part in file.parts))


def _is_left_by_a_tool(part: str) -> bool:
    return part.startswith(".") or part == "__pycache__" or part.endswith(".egg-info")
