"""Limits on requests and on how many are served at a time; each limit applies to one pod."""

from typing import Final

from pydantic import Field

from sirocco_operator.api.base import ApiModel

_MAX_TOKENS: Final = 10_000_000
_MAX_REQUESTS: Final = 1_000_000
_GIBIBYTE: Final = 1024**3
_DAY_SECONDS: Final = 86_400


class AnswerCache(ApiModel):
    """A cache of answers to identical requests."""

    bytes: int = Field(
        default=67_108_864,
        ge=1,
        le=64 * _GIBIBYTE,
        description="Most bytes of answers in each pod's memory.",
    )
    seconds: int = Field(default=300, ge=1, le=30 * _DAY_SECONDS, description="How long an answer is kept.")


class Limits(ApiModel):
    """Limits of each pod; they add up over the replicas of a model."""

    body_bytes: int = Field(
        default=10_485_760, ge=1, le=_GIBIBYTE, description="Longest body of a request, in bytes."
    )
    prompts: int = Field(default=64, ge=1, le=65_536, description="Most prompts in one request.")
    prompt_tokens: int | None = Field(
        default=None,
        ge=1,
        le=_MAX_TOKENS,
        description="Longest prompt, in tokens. Default: what engine.maxModelLen leaves room for.",
    )
    new_tokens: int | None = Field(
        default=None,
        ge=1,
        le=_MAX_TOKENS,
        description="Most tokens that a request may ask to be generated for a prompt. Default: as above.",
    )
    in_flight: int | None = Field(
        default=None,
        ge=1,
        le=_MAX_REQUESTS,
        description="Most requests that are served at a time; more wait in a queue. Default: no limit.",
    )
    queue: int = Field(
        default=256,
        ge=0,
        le=_MAX_REQUESTS,
        description="Most requests that wait beyond inFlight, fairly by key; more are answered 429.",
    )
    queue_seconds: int = Field(
        default=30, ge=1, le=3600, description="Longest wait in that queue, in seconds."
    )
    answer_cache: AnswerCache | None = Field(
        default=None,
        description="Keep the answers of requests that always have the same one (temperature 0, or a seed). "
        "Default: off.",
    )
