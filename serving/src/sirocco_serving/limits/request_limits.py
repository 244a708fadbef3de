"""Checks a parsed body against the limits of a model. The routes check types."""

from collections.abc import Mapping
from typing import Any

from sirocco_serving.config import LimitSettings
from sirocco_serving.errors.request_error import RequestError

# The fields of all routes that name a number of new tokens.
_NEW_TOKENS = ("max_tokens", "max_completion_tokens", "min_tokens")


def check(body: Mapping[str, Any], limits: LimitSettings) -> None:
    """Checks the limits that need no engine. Raises RequestError with the field and the limit."""
    _check_new_tokens(body, limits.new_tokens)
    _check_prompts(body, limits.prompts)
    if limits.prompt_tokens is not None:
        _check_given_tokens(body, limits.prompt_tokens)


def _check_new_tokens(body: Mapping[str, Any], most: int | None) -> None:
    if most is None:
        return
    for field in _NEW_TOKENS:
        if _number(body.get(field)) > most:
            raise _over(field, f"at most {most} new tokens are allowed here")
    if body.get("use_beam_search") and not any(_number(body.get(field)) for field in _NEW_TOKENS):
        raise _over("max_tokens", f"say how many new tokens a beam may have, at most {most}")


def _check_prompts(body: Mapping[str, Any], most: int) -> None:
    """Checks the number of prompts, and of generations: `n` for each prompt."""
    for field in ("prompts", "prompt", "prompt_embeds"):
        if isinstance(given := body.get(field), list) and not _is_token_ids(given) and len(given) > most:
            raise _over(field, f"at most {most} prompts are allowed in one request, these are {len(given)}")
    times = _number(body.get("n")) or 1
    generations = times * max(1, _count(body.get("prompt")), _count(body.get("prompt_embeds")))
    if generations > most:
        raise _over("n", f"at most {most} generations are allowed in one request, these are {generations:g}")


def _check_given_tokens(body: Mapping[str, Any], most: int) -> None:
    """Checks prompts that are token ids. The guard of the engine checks the tokens of texts."""
    prompt = body.get("prompt")
    prompts = [prompt] if _is_token_ids(prompt) else prompt if isinstance(prompt, list) else []
    for tokens in prompts:
        if isinstance(tokens, list) and len(tokens) > most:
            raise too_long(len(tokens), most)


def too_long(tokens: int, most: int) -> RequestError:
    """Returns the error for a prompt with too many tokens."""
    message = f"A prompt may have at most {most} tokens here, this one has {tokens}: shorten it."
    return RequestError(400, "prompt_too_long", message, param="prompt")


def _over(field: str, sentence: str) -> RequestError:
    return RequestError(422, "limit_exceeded", f"{field}: {sentence}", param=field)


def _is_token_ids(prompt: object) -> bool:
    return isinstance(prompt, list) and bool(prompt) and isinstance(prompt[0], int)


def _count(prompt: object) -> int:
    return len(prompt) if isinstance(prompt, list) and not _is_token_ids(prompt) else 1


def _number(value: object) -> float:
    # The limit reads "5" and 5.0 as 5, because vLLM does.
    try:
        return float(value) if isinstance(value, int | float | str) else 0
    except (ValueError, OverflowError):
        return 0
