"""What a parsed request asks for, held to a model's limits; wrong types are the routes' to judge."""

from collections.abc import Mapping
from typing import Any

from sirocco_serving.config import LimitSettings
from sirocco_serving.errors.request_error import RequestError

# Where the routes of the contract say how many tokens to generate at most.
_NEW_TOKENS = ("max_tokens", "max_completion_tokens", "min_tokens")


def check(asked: Mapping[str, Any], limits: LimitSettings) -> None:
    """Holds the body of a request that generates to the limits, as far as they are known without the engine.

    Raises RequestError, 422 with the field and the limit.
    """
    _check_new_tokens(asked, limits.new_tokens)
    _check_prompts(asked, limits.prompts)
    if limits.prompt_tokens is not None:
        _check_given_tokens(asked, limits.prompt_tokens)


def _check_new_tokens(asked: Mapping[str, Any], most: int | None) -> None:
    if most is None:
        return
    for field in _NEW_TOKENS:
        if _number(asked.get(field)) > most:
            raise _over(field, f"at most {most} new tokens are allowed here")
    if asked.get("use_beam_search") and not any(_number(asked.get(field)) for field in _NEW_TOKENS):
        raise _over("max_tokens", f"say how many new tokens a beam may have, at most {most}")


def _check_prompts(asked: Mapping[str, Any], most: int) -> None:
    """A request's generations: its prompts, each as many times as `n` says."""
    for field in ("prompts", "prompt", "prompt_embeds"):
        if isinstance(given := asked.get(field), list) and not _is_token_ids(given) and len(given) > most:
            raise _over(field, f"at most {most} prompts are allowed in one request, these are {len(given)}")
    times = _number(asked.get("n")) or 1
    generations = times * max(1, _count(asked.get("prompt")), _count(asked.get("prompt_embeds")))
    if generations > most:
        raise _over("n", f"at most {most} generations are allowed in one request, these are {generations:g}")


def _check_given_tokens(asked: Mapping[str, Any], most: int) -> None:
    """Prompts given as token ids; those of texts are counted by the engine's tokenizer."""
    prompt = asked.get("prompt")
    prompts = [prompt] if _is_token_ids(prompt) else prompt if isinstance(prompt, list) else []
    for tokens in prompts:
        if isinstance(tokens, list) and len(tokens) > most:
            raise too_long(len(tokens), most)


def too_long(tokens: int, most: int) -> RequestError:
    """What tells of a prompt with too many tokens."""
    message = f"A prompt may have at most {most} tokens here, this one has {tokens}: shorten it."
    return RequestError(400, "prompt_too_long", message, param="prompt")


def _over(field: str, sentence: str) -> RequestError:
    return RequestError(422, "limit_exceeded", f"{field}: {sentence}", param=field)


def _is_token_ids(prompt: object) -> bool:
    return isinstance(prompt, list) and bool(prompt) and isinstance(prompt[0], int)


def _count(prompt: object) -> int:
    return len(prompt) if isinstance(prompt, list) and not _is_token_ids(prompt) else 1


def _number(value: object) -> float:
    # Vllm takes "5" and 5.0 for 5, so a limit must, too.
    try:
        return float(value) if isinstance(value, int | float | str) else 0
    except (ValueError, OverflowError):
        return 0
