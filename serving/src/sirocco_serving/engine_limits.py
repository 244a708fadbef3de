"""Limits that only the engine's client can hold: it alone sees the tokens of every prompt."""

from collections.abc import Mapping
from typing import Any

from sirocco_serving.config import LimitSettings
from sirocco_serving.limits.request_limits import too_long

# What holds a rendered prompt's tokens, or the vectors in their place.
_TOKENS = ("prompt_token_ids", "prompt_embeds")


def hold_to_limits(client: Any, limits: LimitSettings) -> None:
    """Makes an engine client refuse prompts over the limit, and end generations at the limit of new tokens.

    It is the only place where a prompt's tokens are known for vLLM's own routes, templates and images
    included; they call `generate` before an answer begins, so a RequestError still gets its status.
    """
    if limits.prompt_tokens is None and limits.new_tokens is None:
        return
    generate = client.generate

    def held(prompt: Any, sampling_params: Any, *args: Any, **kwargs: Any) -> Any:
        tokens = _length(prompt)
        if limits.prompt_tokens is not None and tokens > limits.prompt_tokens:
            raise too_long(tokens, limits.prompt_tokens)
        if limits.new_tokens is not None:
            # A request that names more was refused; one that names none could fill the model's length.
            asked = sampling_params.max_tokens
            sampling_params.max_tokens = limits.new_tokens if asked is None else min(asked, limits.new_tokens)
        return generate(prompt, sampling_params, *args, **kwargs)

    client.generate = held


def _length(prompt: Any) -> int:
    """The tokens of a rendered prompt."""
    if isinstance(prompt, Mapping):
        if (encoder := prompt.get("encoder_prompt")) is not None:
            return _length(encoder) + _length(prompt.get("decoder_prompt"))
        prompt = next((prompt[key] for key in _TOKENS if prompt.get(key) is not None), ())
    return 0 if prompt is None else len(prompt)
