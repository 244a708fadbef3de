"""The settings of the serving layer: one JSON file, read and validated once at start."""

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sirocco_serving.errors import StartupError

PATH_VARIABLE = "SIROCCO_SERVING_CONFIG"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class DrainSettings(_Section):
    """How a pod that was told to stop lets go of its clients; all in seconds."""

    # Above uvicorn's keep-alive of 5 s: an idle pooled connection is gone before new requests are refused.
    settle_seconds: float = Field(default=6, ge=0, le=600)
    timeout_seconds: float = Field(default=600, ge=0, le=86400)


class Settings(_Section):
    """Everything that the serving layer can be told."""

    drain: DrainSettings = DrainSettings()


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Reads the file named by SIROCCO_SERVING_CONFIG; without that variable, the defaults.

    Raises StartupError, naming the file and each wrong field, when the file is missing or wrong.
    """
    path = environment.get(PATH_VARIABLE)
    if path is None:
        return Settings()
    try:
        return Settings.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        raise StartupError("config", f"cannot read {path} (from {PATH_VARIABLE}): {error.strerror}") from None
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or 'the file'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        )
        allowed = json.dumps(Settings().model_dump())
        raise StartupError("config", f"{path} is not valid: {problems}. The defaults are {allowed}") from None


@cache
def settings() -> Settings:
    """The settings of this process. Raises StartupError as `read_settings` does."""
    return read_settings(os.environ)
