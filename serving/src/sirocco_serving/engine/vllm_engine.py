"""vLLM's engine behind the protocol of the routes. Only this module imports `vllm`."""

import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import vllm.exceptions  # type: ignore[import-not-found]
from vllm import SamplingParams
from vllm.sampling_params import RequestOutputKind  # type: ignore[import-not-found]

from sirocco_serving.engine.guard import check_output, request_error
from sirocco_serving.engine.protocol import Conversation, Delta
from sirocco_serving.engine.sampling import Sampling

# vLLM 0.26 raises ValueError where 0.32 and later raise VLLMClientError.
_CLIENT_ERRORS: tuple[type[Exception], ...] = (
    ValueError,
    getattr(vllm.exceptions, "VLLMClientError", ValueError),
)


class VllmEngine:
    """Generates with vLLM's engine client, which vLLM passes to endpoint plugins."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def generate(
        self, prompt: str | Conversation, sampling: Sampling, trace_headers: Mapping[str, str]
    ) -> AsyncGenerator[Delta, None]:
        """Yields the deltas of one generation; see `Engine.generate`."""
        parameters = SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            stop=sampling.stop,
            seed=sampling.seed,
            frequency_penalty=sampling.frequency_penalty,
            presence_penalty=sampling.presence_penalty,
            output_kind=RequestOutputKind.DELTA,
        )
        trace = {"trace_headers": dict(trace_headers)} if trace_headers else {}
        try:
            rendered = await self._render(prompt)
            outputs = self._client.generate(rendered, parameters, f"generate-{uuid.uuid4().hex}", **trace)
            async with aclosing(outputs):
                async for output in outputs:
                    check_output(output)
                    completion = output.outputs[0]
                    yield Delta(
                        text=completion.text,
                        tokens=len(completion.token_ids),
                        prompt_tokens=len(output.prompt_token_ids or ()),
                        finish_reason=completion.finish_reason,
                    )
        except Exception as error:
            problem = request_error(error, _CLIENT_ERRORS)
            if problem is None:
                raise
            raise problem from None

    async def _render(self, prompt: str | Conversation) -> Any:
        """Returns the tokens of a prompt, or of a conversation in the chat template of the model."""
        renderer = self._client.renderer
        if isinstance(prompt, str):
            (rendered,) = await renderer.render_cmpl_async([{"prompt": prompt}])
            return rendered
        from vllm.renderers import ChatParams  # type: ignore[import-not-found]

        # Mistral's own tokenizer renders tokens, every other tokenizer renders a text.
        mistral = getattr(type(renderer.tokenizer), "IS_MISTRAL_TOKENIZER", False)
        chat = ChatParams(chat_template_kwargs={"add_generation_prompt": True, "tokenize": mistral})
        # The template adds the special tokens.
        tokens = renderer.default_chat_tok_params.with_kwargs(add_special_tokens=False)
        _, (rendered,) = await renderer.render_chat_async([list(prompt)], chat, tokens)
        return rendered

    async def healthy(self) -> bool:
        """Returns whether vLLM's engine process still runs."""
        try:
            await self._client.check_health()
        except Exception:
            return False
        return True


def start_engine(arguments: Mapping[str, Any]) -> Any:
    """Starts vLLM's engine in the running event loop, with the arguments of `AsyncEngineArgs`."""
    from vllm.engine.arg_utils import AsyncEngineArgs  # type: ignore[import-not-found]
    from vllm.v1.engine.async_llm import AsyncLLM  # type: ignore[import-not-found]

    return AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))
