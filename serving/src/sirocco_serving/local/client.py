"""`VLLMClient`: a model in this process, without a server.

It has the sampling defaults of the HTTP API. It runs on a CPU or on GPUs, as the installed vLLM does.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import aclosing, suppress
from typing import Any, Self, TypeVar, overload

from pydantic import ValidationError

from sirocco_serving.engine.protocol import ChatEngine, Conversation, Delta
from sirocco_serving.engine.sampling import Sampling
from sirocco_serving.errors.request_error import RequestError

Value = TypeVar("Value")

# A cancelled generation ends within moments.
END_SECONDS = 10.0


class VLLMClient:
    """One model, loaded when the client is made. Several threads may use it at the same time.

    Sampling arguments are those of `POST /generate`: temperature 0.7, top_p 0.95, max_tokens 256, stop, seed,
    frequency_penalty, presence_penalty. A wrong argument or prompt raises ValueError. A failed engine or a
    closed client raises RuntimeError.
    """

    def __init__(
        self,
        model_name: str,
        gpu_memory_utilization: float | None = None,
        tensor_parallel_size: int = 1,
        max_model_len: int | None = None,
        **engine: Any,
    ) -> None:
        """Loads `model_name`, a repository of the Hugging Face hub or a folder.

        `gpu_memory_utilization` is a share above 0 and up to 1, `max_model_len` a number of tokens. None
        leaves them to vLLM. `engine` has more of vLLM's engine arguments.
        """
        given = {"gpu_memory_utilization": gpu_memory_utilization, "max_model_len": max_model_len}
        arguments: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        arguments |= {"model": model_name, "tensor_parallel_size": tensor_parallel_size, **engine}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vllm-client", daemon=True)
        self._thread.start()
        self._closed = False
        try:
            self._engine, self._stop = self._wait(self._start(arguments))
        except BaseException:
            self._end_loop()
            raise

    def chat_completion(
        self, messages: Conversation, temperature: float = 0.7, max_tokens: int = 256, **sampling: Any
    ) -> str:
        """Returns the answer to a conversation."""
        return self.chat_completions([messages], temperature, max_tokens, **sampling)[0]

    def chat_completions(
        self,
        conversations: Sequence[Conversation],
        temperature: float = 0.7,
        max_tokens: int = 256,
        **sampling: Any,
    ) -> list[str]:
        """Returns the answers to several conversations, generated together, in their order."""
        checked = [_conversation(messages) for messages in conversations]
        return self._texts(checked, _sampling(temperature, max_tokens, sampling))

    def stream_chat_completion(
        self, messages: Conversation, temperature: float = 0.7, max_tokens: int = 256, **sampling: Any
    ) -> Iterator[str]:
        """Yields the answer in pieces as they come. Closing the iterator ends the generation."""
        return self._pieces(_conversation(messages), _sampling(temperature, max_tokens, sampling))

    @overload
    def completion(
        self, prompt: str, temperature: float = 0.7, max_tokens: int = 256, **sampling: Any
    ) -> str: ...

    @overload
    def completion(
        self, prompt: Sequence[str], temperature: float = 0.7, max_tokens: int = 256, **sampling: Any
    ) -> list[str]: ...

    def completion(
        self, prompt: str | Sequence[str], temperature: float = 0.7, max_tokens: int = 256, **sampling: Any
    ) -> str | list[str]:
        """Returns the continuation of a prompt, or of several prompts, generated together, in their order."""
        arguments = _sampling(temperature, max_tokens, sampling)
        if isinstance(prompt, str):
            return self._texts([prompt], arguments)[0]
        return self._texts(prompt, arguments)

    def stream_completion(
        self, prompt: str, temperature: float = 0.7, max_tokens: int = 256, **sampling: Any
    ) -> Iterator[str]:
        """Yields the continuation in pieces as they come. Closing the iterator ends the generation."""
        return self._pieces(prompt, _sampling(temperature, max_tokens, sampling))

    def close(self) -> None:
        """Ends the engine and frees its memory. Generations in flight fail. Closing again does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self._wait(_finish(self._stop))
        finally:
            self._end_loop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _start(self, arguments: Mapping[str, Any]) -> tuple[ChatEngine, Callable[[], None]]:
        """Returns an engine in this event loop, and the function that ends it."""
        from sirocco_serving.engine.vllm_engine import VllmEngine, start_engine

        client = start_engine(arguments)
        return VllmEngine(client), client.shutdown

    def _texts(self, prompts: Sequence[str | Conversation], sampling: Sampling) -> list[str]:
        return self._run(_all(self._engine, prompts, sampling))

    def _pieces(self, prompt: str | Conversation, sampling: Sampling) -> Iterator[str]:
        deltas = self._engine.generate(prompt, sampling, {})
        try:
            while (delta := self._run(_next(deltas))) is not None:
                if delta.text:
                    yield delta.text
        finally:
            if not self._closed:
                self._wait(_close(deltas))

    def _run(self, work: Coroutine[Any, Any, Value]) -> Value:
        if self._closed:
            work.close()
            raise RuntimeError("this VLLMClient is closed: make another one")
        try:
            return self._wait(work)
        except RequestError as error:
            kind = ValueError if error.status < 500 else RuntimeError
            raise kind(error.message) from None
        except CancelledError:
            raise RuntimeError("this VLLMClient was closed meanwhile") from None

    def _wait(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Runs `work` in the event loop of the engine. An interrupt of this thread ends it there, too."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _next(deltas: AsyncGenerator[Delta, None]) -> Delta | None:
    return await anext(deltas, None)


async def _close(deltas: AsyncGenerator[Delta, None]) -> None:
    # After an interrupted step the generation ends already, and closing it raises.
    with suppress(RuntimeError):
        await deltas.aclose()


async def _finish(stop: Callable[[], None]) -> None:
    """Ends the generations in flight, then the engine."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=END_SECONDS)
    stop()


async def _all(engine: ChatEngine, prompts: Sequence[str | Conversation], sampling: Sampling) -> list[str]:
    """Runs whole generations at the same time. The first that fails ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_text(engine, prompt, sampling)) for prompt in prompts]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


async def _text(engine: ChatEngine, prompt: str | Conversation, sampling: Sampling) -> str:
    async with aclosing(engine.generate(prompt, sampling, {})) as deltas:
        return "".join([delta.text async for delta in deltas])


def _conversation(messages: Conversation) -> Conversation:
    if isinstance(messages, str) or not messages or not all(isinstance(one, Mapping) for one in messages):
        raise ValueError('messages must be a list like [{"role": "user", "content": "Hello"}]')
    return messages


def _sampling(temperature: float, max_tokens: int, others: Mapping[str, Any]) -> Sampling:
    """Returns the sampling arguments. Raises ValueError with each wrong argument."""
    try:
        return Sampling.model_validate({"temperature": temperature, "max_tokens": max_tokens, **others})
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        sentences = "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in problems)
        allowed = ", ".join(Sampling.model_fields)
        raise ValueError(f"{sentences} (the arguments are {allowed})") from None
