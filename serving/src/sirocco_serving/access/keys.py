"""The keys of a pod: a mounted Secret's entries, read again when they change.

An entry's name is the key's name; its text is JSON, `{"sha256": HEX, "models": [NAME, ...],
"requestsPerMinute": N, "tokensPerMinute": N}`, with all but the first left out at will. Keys are random and
long (256 bits), so a plain hash of them gives nothing away.
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
# How long a changed Secret may go unnoticed once the kubelet has written it.
LOOK_SECONDS = 1.0
# A key's entry is some hundred bytes: a longer file is a mistake.
LONGEST_ENTRY = 16 * 1024
# 128 bits in base64, or more: a shorter internal key could be guessed.
SHORTEST_INTERNAL = 22

_NAME = TypeAdapter(Name)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]
    models: Annotated[list[str], Field(min_length=1)] | None = None
    requests_per_minute: int | None = Field(default=None, alias="requestsPerMinute", ge=1, le=10**9)
    tokens_per_minute: int | None = Field(default=None, alias="tokensPerMinute", ge=1, le=10**12)


def parse_entry(name: str, text: bytes) -> tuple[bytes, Identity]:
    """A key's SHA-256 and what its holder may do.

    Raises ValueError saying what is wrong, without the text.
    """
    try:
        _NAME.validate_python(name)
        entry = _Entry.model_validate_json(text)
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or 'entry'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        )
        raise ValueError(told) from None
    if name == INTERNAL:
        raise ValueError(f"the name {INTERNAL} is the internal key's: choose another")
    who = Identity(
        name,
        models=None if entry.models is None else frozenset(entry.models),
        requests_per_minute=entry.requests_per_minute,
        tokens_per_minute=entry.tokens_per_minute,
    )
    return bytes.fromhex(entry.sha256), who


class KeyRing:
    """Finds whose key a text is; a change in the files holds within `LOOK_SECONDS`, without a restart."""

    def __init__(
        self, folder: Path | None, internal_file: Path | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Raises StartupError when a file or folder cannot be read."""
        self._folder = folder
        self._internal_file = internal_file
        self._clock = clock
        try:
            self._mark = self._look()
            self._known = self._read()
        except (OSError, ValueError) as error:
            raise StartupError("config", f"cannot read the keys: {error}") from None
        self._looked = clock()

    def find(self, key: bytes) -> Identity | None:
        """Whose key it is, or None. Takes the same time for each key, valid or not."""
        self._refresh()
        digest = hashlib.sha256(key).digest()
        found = None
        for known, who in self._known:
            if hmac.compare_digest(known, digest):
                found = who
        return found

    def _refresh(self) -> None:
        now = self._clock()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        try:
            mark = self._look()
            if mark != self._mark:
                self._known = self._read()
                self._mark = mark
                logger.info("keys: read %d keys again", len(self._known))
        except (OSError, ValueError) as error:
            logger.warning("keys: the keys read before stay valid: %s", error)

    def _look(self) -> tuple[object, ...]:
        """Changes when the files do."""
        internal = () if self._internal_file is None else (_stamp(self._internal_file),)
        return internal if self._folder is None else (*internal, *_marks(self._folder))

    def _read(self) -> list[tuple[bytes, Identity]]:
        known: list[tuple[bytes, Identity]] = []
        if self._internal_file is not None:
            known.append((_internal_digest(self._internal_file), Identity(INTERNAL, internal=True)))
        for path in () if self._folder is None else _entries(self._folder):
            try:
                with path.open("rb") as file:
                    text = file.read(LONGEST_ENTRY + 1)
                if len(text) > LONGEST_ENTRY:
                    raise ValueError(f"longer than {LONGEST_ENTRY} bytes")
                digest, who = parse_entry(path.name, text)
                if any(digest == other for other, _ in known):
                    raise ValueError("another entry has the same key")
                known.append((digest, who))
            except (OSError, ValueError) as error:
                # One wrong entry locks out its own holder alone.
                logger.error("keys: the entry %r is no valid key: %s", path.name, error)
        return known


def open_keys(access: AccessSettings) -> KeyRing | None:
    """The keys that the settings name; None when they name none. Raises StartupError as `KeyRing` does."""
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
    # A name with a dot in front is the kubelet's own (`..data`), or an editor's.
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and not path.is_dir())


def _marks(folder: Path) -> list[object]:
    try:
        # A Secret's volume changes by one link that is swapped.
        return [os.readlink(folder / "..data")]
    except FileNotFoundError:
        return [(path.name, _stamp(path)) for path in _entries(folder)]


def _stamp(path: Path) -> tuple[int, int, int]:
    seen = path.stat()
    return seen.st_mtime_ns, seen.st_size, seen.st_ino
