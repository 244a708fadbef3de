"""How tokens are chosen, with the ranges of vLLM's SamplingParams."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _whole(value: object) -> object:
    """JSON has one kind of number: 5.0 is as whole as 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
Text = Annotated[str, Field(min_length=1)]


class Sampling(BaseModel):
    """The sampling arguments of a generation."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    temperature: float = Field(default=0.7, ge=0, le=2)
    top_p: float = Field(default=0.95, gt=0, le=1)
    # Above any model's length, below what overflows on the way to the engine.
    max_tokens: Whole = Field(default=256, ge=1, le=2**31 - 1)
    stop: Text | list[Text] = []
    seed: Annotated[Whole, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    frequency_penalty: float = Field(default=0, ge=-2, le=2)
    presence_penalty: float = Field(default=0, ge=-2, le=2)
