"""The guard around vLLM's engine client: it checks prompts, outputs and errors."""

from collections.abc import Mapping
from typing import Any

from sirocco_serving.config import LimitSettings
from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.limits.request_limits import too_long

# The fields of a rendered prompt that hold its tokens, or the vectors in their place.
_TOKENS = ("prompt_token_ids", "prompt_embeds")


def guard_client(client: Any, limits: LimitSettings) -> None:
    """Makes an engine client refuse prompts over the limit, and end generations at the limit of new tokens.

    Only the client sees the tokens of every prompt, with templates and images. vLLM's own routes call
    `generate` before an answer begins, so a RequestError still gets its status.
    """
    if limits.prompt_tokens is None and limits.new_tokens is None:
        return
    generate = client.generate

    def guarded(prompt: Any, sampling_params: Any, *args: Any, **kwargs: Any) -> Any:
        tokens = _length(prompt)
        if limits.prompt_tokens is not None and tokens > limits.prompt_tokens:
            raise too_long(tokens, limits.prompt_tokens)
        if limits.new_tokens is not None:
            # The limits refuse a request that names more. One that names none could fill the model's length.
            wanted = sampling_params.max_tokens
            sampling_params.max_tokens = (
                limits.new_tokens if wanted is None else min(wanted, limits.new_tokens)
            )
        return generate(prompt, sampling_params, *args, **kwargs)

    client.generate = guarded


def check_output(output: Any) -> None:
    """Raises RequestError for an output of a generation that failed, or whose tokens are noise."""
    if output.outputs[0].finish_reason == "error":
        raise RequestError(500, "generation_failed", "The engine failed to generate.")
    # Set where VLLM_COMPUTE_NANS_IN_LOGITS is on.
    if getattr(getattr(output, "metrics", None), "is_corrupted", False):
        message = "The model's output was not a finite number; the answer would be noise."
        raise RequestError(500, "non_finite_result", message)


def request_error(error: Exception, client_errors: tuple[type[Exception], ...]) -> RequestError | None:
    """Returns the RequestError for what the engine raised; None when the client can do nothing about it.

    `client_errors` are vLLM's types for a mistake of the client.
    """
    if isinstance(error, client_errors):
        # Only the first argument: vLLM may append the refused value.
        message = str(error.args[0]) if error.args else "vLLM refused the request."
        return RequestError(400, "invalid_request", message, param="prompt")
    if int(getattr(error, "http_status", 500)) == 503:
        return RequestError(503, "overloaded", str(error), retry_after_seconds=1)
    return None


def _length(prompt: Any) -> int:
    """Returns the number of tokens of a rendered prompt."""
    if isinstance(prompt, Mapping):
        if (encoder := prompt.get("encoder_prompt")) is not None:
            return _length(encoder) + _length(prompt.get("decoder_prompt"))
        prompt = next((prompt[key] for key in _TOKENS if prompt.get(key) is not None), ())
    return 0 if prompt is None else len(prompt)
