"""The sampling arguments, with the ranges of vLLM's SamplingParams."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _whole(value: object) -> object:
    """Reads 5.0 as 5: JSON has one type of number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
Text = Annotated[str, Field(min_length=1)]


class Sampling(BaseModel):
    """The sampling arguments of a generation."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    temperature: float = Field(default=0.7, ge=0, le=2)
    top_p: float = Field(default=0.95, gt=0, le=1)
    # Above the length of any model, and below an overflow on the way to the engine.
    max_tokens: Whole = Field(default=256, ge=1, le=2**31 - 1)
    stop: Text | list[Text] = []
    seed: Annotated[Whole, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    frequency_penalty: float = Field(default=0, ge=-2, le=2)
    presence_penalty: float = Field(default=0, ge=-2, le=2)
