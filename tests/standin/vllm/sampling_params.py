"""How a generation is asked for."""

from dataclasses import dataclass
from enum import Enum


class RequestOutputKind(Enum):
    """What each output holds."""

    CUMULATIVE = 0
    DELTA = 1
    FINAL_ONLY = 2


@dataclass
class SamplingParams:
    """The fields that the serving layer sets; only `max_tokens` has an effect here."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 16
    stop: str | list[str] | None = None
    seed: int | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    output_kind: RequestOutputKind = RequestOutputKind.CUMULATIVE
