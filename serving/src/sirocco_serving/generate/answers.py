"""The answers of `/generate` and `/generate/batch`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def response(self) -> Response:
        """Returns the JSON answer."""
        return Response(self.model_dump_json(), media_type="application/json")


class GeneratedText(_Answer):
    """The text for one prompt. `num_tokens` counts generated tokens."""

    generated_text: str
    num_tokens: int = Field(ge=0)


class GenerateAnswer(_Answer):
    """One entry for each prompt, in the order of the prompts."""

    responses: list[GeneratedText]


class StreamedText(_Answer):
    """The text that one step of a stream added."""

    text: str


class StreamUsage(_Answer):
    """The tokens of a streamed request."""

    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    total_tokens: int = Field(ge=0)


class StreamEnd(_Answer):
    """The end of a stream."""

    text: Literal[""] = ""
    finish_reason: str
    usage: StreamUsage


class BatchAnswer(_Answer):
    """One text for each prompt, in the order of the prompts."""

    results: list[str]
