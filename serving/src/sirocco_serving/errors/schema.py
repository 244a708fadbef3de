"""The schema of an error answer, OpenAI's."""

from pydantic import BaseModel, ConfigDict


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(_Schema):
    """What is wrong, and with which field. `code` is a stable word that programs may match."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorAnswer(_Schema):
    """The format of every error, OpenAI's."""

    error: Problem
