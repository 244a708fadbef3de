"""The answers of `/generate` and `/generate/batch`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def response(self) -> Response:
        """The JSON answer."""
        return Response(self.model_dump_json(), media_type="application/json")


class GeneratedText(_Answer):
    """What one prompt came to; `num_tokens` counts generated tokens."""

    generated_text: str
    num_tokens: int = Field(ge=0)


class GenerateAnswer(_Answer):
    """One entry a prompt, in the order asked."""

    responses: list[GeneratedText]


class StreamedText(_Answer):
    """What one step of a stream added."""

    text: str


class StreamUsage(_Answer):
    """The tokens of a streamed request."""

    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    total_tokens: int = Field(ge=0)


class StreamEnd(_Answer):
    """How a stream ended."""

    text: Literal[""] = ""
    finish_reason: str
    usage: StreamUsage


class BatchAnswer(_Answer):
    """One text a prompt, in the order asked."""

    results: list[str]
