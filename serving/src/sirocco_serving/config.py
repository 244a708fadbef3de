"""The settings of the serving layer: one JSON file, read and validated once at the start.

Every limit is a limit of one pod. Null means no limit, or off.
"""

import json
import logging
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import regex
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from sirocco_serving.errors.startup_error import StartupError

logger = logging.getLogger("vllm.sirocco")

PATH_VARIABLE = "SIROCCO_SERVING_CONFIG"
# One day and one tebibyte: a larger number is a slip.
LONGEST_SECONDS = 86400
MOST = 2**40


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _absolute(path: str) -> str:
    if not Path(path).is_absolute():
        raise PydanticCustomError("path", "must be an absolute path")
    return path


def _origin(origin: str) -> str:
    """Checks that an origin is `*` or written as browsers send it."""
    if origin == "*":
        return origin
    try:
        parts = urlsplit(origin)
        valid = bool(parts.scheme and parts.hostname and parts.port != 0)
    except ValueError:
        valid = False
    if not valid or origin != f"{parts.scheme}://{parts.netloc}".lower() or "@" in origin:
        raise PydanticCustomError(
            "origin",
            "must be an origin as browsers send it, SCHEME://HOST[:PORT] in lower case without a path, or *",
        )
    return origin


def _expression(pattern: str) -> str:
    try:
        regex.compile(pattern)
    except regex.error as error:
        raise PydanticCustomError(
            "pattern", "is not a regular expression: {problem}", {"problem": str(error)}
        ) from None
    return pattern


AbsolutePath = Annotated[str, AfterValidator(_absolute)]
Origin = Annotated[str, AfterValidator(_origin)]
Name = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")
]
AtLeastOne = Annotated[int, Field(ge=1, le=MOST)]


class DrainSettings(_Section):
    """How a pod that has to stop ends its requests. All values are in seconds."""

    # Above uvicorn's keep-alive of 5 s, so that idle connections close before new requests are refused.
    settle_seconds: float = Field(default=6, ge=0, le=600)
    timeout_seconds: float = Field(default=600, ge=0, le=LONGEST_SECONDS)


class GenerationSettings(_Section):
    """The defaults of `/generate` and `/generate/batch`."""

    temperature: float = Field(default=0.7, ge=0, le=2)
    top_p: float = Field(default=0.95, gt=0, le=1)
    max_tokens: AtLeastOne = 256


class LimitSettings(_Section):
    """What one request may contain, and how many requests run at a time."""

    body_bytes: AtLeastOne = 10 * 2**20
    # Prompts in one request.
    prompts: AtLeastOne = 64
    prompt_tokens: AtLeastOne | None = None
    new_tokens: AtLeastOne | None = None
    # Requests in the engine at a time. `queue` more may wait, each for `queue_seconds` at most.
    in_flight: AtLeastOne | None = None
    queue: int = Field(default=256, ge=0, le=MOST)
    queue_seconds: float = Field(default=30, ge=0, le=LONGEST_SECONDS)


class DeniedPattern(_Section):
    """A regular expression of the module `regex` that no prompt may match. Errors show its name."""

    name: Name
    pattern: Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_expression)]


class AccessSettings(_Section):
    """Who may send requests, and which prompts are denied."""

    # One file for each key; see `sirocco_serving.access.keys`.
    keys_folder: AbsolutePath | None = None
    # A file with one key. Only this key opens vLLM's own routes and, where keys are on, `/metrics`.
    internal_key_file: AbsolutePath | None = None
    allowed_origins: tuple[Origin, ...] = ()
    denied_patterns: tuple[DeniedPattern, ...] = ()


class AnswerCacheSettings(_Section):
    """How many answers to deterministic requests are kept, and for how long."""

    bytes: AtLeastOne = 64 * 2**20
    seconds: float = Field(default=300, gt=0, le=30 * LONGEST_SECONDS)


def _collector(endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        valid = valid and not (parts.path or parts.query or parts.fragment or parts.username)
    except ValueError:
        valid = False
    if not valid:
        raise PydanticCustomError("endpoint", "must be http(s)://HOST[:PORT] without a path")
    return endpoint


class TracingSettings(_Section):
    """Which OTLP collector gets the spans, and which share of the requests is traced."""

    endpoint: Annotated[str, AfterValidator(_collector)]
    sample_ratio: float = Field(default=1, ge=0, le=1)


class Settings(_Section):
    """All settings of the serving layer."""

    # The name in logs and traces. Clients use the names of `--served-model-name`.
    model: str | None = Field(default=None, min_length=1, max_length=253)
    drain: DrainSettings = DrainSettings()
    generation: GenerationSettings = GenerationSettings()
    limits: LimitSettings = LimitSettings()
    access: AccessSettings = AccessSettings()
    answer_cache: AnswerCacheSettings | None = None
    tracing: TracingSettings | None = None


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Reads the file that SIROCCO_SERVING_CONFIG names, and returns the defaults without that variable.

    Settings that this version does not know are ignored and logged: an operator of another version writes
    the file. Raises StartupError with the file and each wrong field when the file is missing or wrong.
    """
    path = environment.get(PATH_VARIABLE)
    return Settings() if path is None else settings_of(Path(path), ignore_unknown=True)


def settings_of(path: Path, *, ignore_unknown: bool = False) -> Settings:
    """Reads a file. Raises StartupError with the file and each wrong field, unknown ones unless ignored."""
    try:
        text = path.read_bytes()
        try:
            return Settings.model_validate_json(text)
        except ValidationError as error:
            unknown = [problem["loc"] for problem in error.errors() if problem["type"] == "extra_forbidden"]
            if not unknown or not ignore_unknown:
                raise
        found = Settings.model_validate_json(_without(text, unknown))
    except OSError as error:
        raise StartupError("config", f"cannot read {path} (from {PATH_VARIABLE}): {error.strerror}") from None
    except ValidationError as error:
        problems = "; ".join(
            f"{_dotted(problem['loc']) or 'the file'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        )
        allowed = json.dumps(Settings().model_dump())
        raise StartupError("config", f"{path} is not valid: {problems}. The defaults are {allowed}") from None
    names = ", ".join(_dotted(each) for each in unknown)
    logger.warning("%s has settings that this image does not know, they are ignored: %s", path, names)
    return found


def _dotted(location: Iterable[int | str]) -> str:
    return ".".join(str(part) for part in location)


def _without(text: bytes, unknown: Iterable[tuple[int | str, ...]]) -> str:
    """The JSON text without the fields at these locations."""
    whole = json.loads(text)
    for location in unknown:
        section = whole
        for part in location[:-1]:
            section = section[part]
        del section[location[-1]]
    return json.dumps(whole)


@cache
def settings() -> Settings:
    """Returns the settings of this process. Raises StartupError as `read_settings` does."""
    return read_settings(os.environ)
