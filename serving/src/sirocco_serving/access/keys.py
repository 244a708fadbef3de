"""The keys of a pod: the entries of a mounted Secret, read again when they change.

The name of an entry is the name of the key. Its content is JSON: `{"sha256": HEX, "models": [NAME, ...],
"requestsPerMinute": N, "tokensPerMinute": N}`. Only `sha256` is required. Keys are random and have 256
bits, so an unsalted hash is safe.
"""

import hashlib
import hmac
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sirocco_serving.config import AccessSettings, Name
from sirocco_serving.errors.startup_error import StartupError
from sirocco_serving.request.state import Identity

logger = logging.getLogger("vllm.sirocco")

INTERNAL = "internal"
# How often the files are checked for a change.
CHECK_SECONDS = 1.0
# An entry has some hundred bytes: a longer file is a mistake.
LONGEST_ENTRY = 16 * 1024
# 128 bits in base64. A shorter internal key could be guessed.
SHORTEST_INTERNAL = 22

_NAME = TypeAdapter(Name)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]
    models: Annotated[list[str], Field(min_length=1)] | None = None
    requests_per_minute: int | None = Field(default=None, alias="requestsPerMinute", ge=1, le=10**9)
    tokens_per_minute: int | None = Field(default=None, alias="tokensPerMinute", ge=1, le=10**12)


def parse_entry(name: str, content: bytes) -> tuple[bytes, Identity]:
    """Returns the SHA-256 of a key, and its holder.

    Raises ValueError with what is wrong, without the content.
    """
    try:
        _NAME.validate_python(name)
        entry = _Entry.model_validate_json(content)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or 'entry'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        )
        raise ValueError(problems) from None
    if name == INTERNAL:
        raise ValueError(f"the name {INTERNAL} is the internal key's: choose another")
    holder = Identity(
        name,
        models=None if entry.models is None else frozenset(entry.models),
        requests_per_minute=entry.requests_per_minute,
        tokens_per_minute=entry.tokens_per_minute,
    )
    return bytes.fromhex(entry.sha256), holder


class KeyRing:
    """Finds the holder of a key. A change of the files holds within `CHECK_SECONDS`, without a restart."""

    def __init__(
        self, folder: Path | None, internal_file: Path | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Reads the keys. Raises StartupError when a file or folder cannot be read."""
        self._folder = folder
        self._internal_file = internal_file
        self._clock = clock
        try:
            self._version = self._read_version()
            self._known = self._read_keys()
        except (OSError, ValueError) as error:
            raise StartupError("config", f"cannot read the keys: {error}") from None
        self._checked = clock()

    def find(self, key: bytes) -> Identity | None:
        """Returns the holder of a key, or None. Takes the same time for every key, valid or not."""
        self._refresh()
        digest = hashlib.sha256(key).digest()
        found = None
        for known, holder in self._known:
            if hmac.compare_digest(known, digest):
                found = holder
        return found

    def _refresh(self) -> None:
        now = self._clock()
        if now - self._checked < CHECK_SECONDS:
            return
        self._checked = now
        try:
            version = self._read_version()
            if version != self._version:
                self._known = self._read_keys()
                self._version = version
                logger.info("keys: read %d keys again", len(self._known))
        except (OSError, ValueError) as error:
            logger.warning("keys: the keys read before stay valid: %s", error)

    def _read_version(self) -> tuple[object, ...]:
        """Returns a value that changes when the files do."""
        internal = () if self._internal_file is None else (_file_version(self._internal_file),)
        return internal if self._folder is None else (*internal, *_folder_version(self._folder))

    def _read_keys(self) -> list[tuple[bytes, Identity]]:
        known: list[tuple[bytes, Identity]] = []
        if self._internal_file is not None:
            known.append((_internal_digest(self._internal_file), Identity(INTERNAL, internal=True)))
        for path in () if self._folder is None else _entries(self._folder):
            try:
                with path.open("rb") as file:
                    content = file.read(LONGEST_ENTRY + 1)
                if len(content) > LONGEST_ENTRY:
                    raise ValueError(f"longer than {LONGEST_ENTRY} bytes")
                digest, holder = parse_entry(path.name, content)
                if any(digest == other for other, _ in known):
                    raise ValueError("another entry has the same key")
                known.append((digest, holder))
            except (OSError, ValueError) as error:
                # A wrong entry locks out its own holder alone.
                logger.error("keys: the entry %r is no valid key: %s", path.name, error)
        return known


def open_keys(access: AccessSettings) -> KeyRing | None:
    """Reads the keys that the settings name; None without any. Raises StartupError as `KeyRing` does."""
    if access.keys_folder is None and access.internal_key_file is None:
        return None
    folder = None if access.keys_folder is None else Path(access.keys_folder)
    internal_file = None if access.internal_key_file is None else Path(access.internal_key_file)
    return KeyRing(folder, internal_file)


def _internal_digest(path: Path) -> bytes:
    key = path.read_bytes().strip()
    if len(key) < SHORTEST_INTERNAL:
        raise ValueError(f"the internal key in {path} is shorter than {SHORTEST_INTERNAL} characters")
    return hashlib.sha256(key).digest()


def _entries(folder: Path) -> list[Path]:
    # A name with a leading dot is the kubelet's (`..data`) or an editor's.
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and not path.is_dir())


def _folder_version(folder: Path) -> list[object]:
    try:
        # The kubelet changes a Secret's volume by swapping this link.
        return [os.readlink(folder / "..data")]
    except FileNotFoundError:
        return [(path.name, _file_version(path)) for path in _entries(folder)]


def _file_version(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino
