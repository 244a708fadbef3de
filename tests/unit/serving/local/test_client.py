"""The client in this process, with a small engine in vLLM's place."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import Any

import pytest

from sirocco_serving.engine.protocol import ChatEngine, Conversation, Delta
from sirocco_serving.engine.sampling import Sampling
from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.local.client import VLLMClient
from tests.waiting import eventually

HELLO = [{"role": "user", "content": "Hello"}]


class Engine:
    """Says the prompt word by word; `forever` never ends, `bad` and `dead` fail."""

    def __init__(self) -> None:
        self.calls: list[tuple[str | Conversation, Sampling]] = []
        self.running = 0
        self.stopped = False

    async def generate(
        self, prompt: str | Conversation, sampling: Sampling, trace_headers: Mapping[str, str]
    ) -> AsyncGenerator[Delta, None]:
        self.calls.append((prompt, sampling))
        text = prompt if isinstance(prompt, str) else prompt[-1]["content"]
        if text == "bad":
            raise RequestError(400, "prompt_too_long", "The prompt is too long.")
        if text == "dead":
            raise RequestError(500, "generation_failed", "The engine failed to generate.")
        self.running += 1
        try:
            for word in text.split():
                yield Delta(f"{word} ", 1, 1, None)
                await asyncio.sleep(0)
            if text == "forever":
                await asyncio.Event().wait()
        finally:
            self.running -= 1


class Client(VLLMClient):
    """The client, with the arguments that vLLM would get."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        self.engine = Engine()
        self.arguments: dict[str, Any] = {}
        super().__init__(*arguments, **more)

    async def _start(self, arguments: Mapping[str, Any]) -> tuple[ChatEngine, Callable[[], None]]:
        self.arguments = dict(arguments)
        return self.engine, lambda: setattr(self.engine, "stopped", True)


@pytest.fixture
def client() -> Iterator[Client]:
    with Client("org/name") as made:
        yield made


def test_vllm_gets_what_was_said_and_no_more() -> None:
    with Client("org/name") as default:
        assert default.arguments == {"model": "org/name", "tensor_parallel_size": 1}
    with Client("org/name", 0.8, 2, 4096, enforce_eager=True) as full:
        assert full.arguments == {
            "model": "org/name",
            "gpu_memory_utilization": 0.8,
            "tensor_parallel_size": 2,
            "max_model_len": 4096,
            "enforce_eager": True,
        }


def test_sampling_has_the_http_apis_defaults(client: Client) -> None:
    client.completion("a")
    client.chat_completion(HELLO)
    assert [sampling for _, sampling in client.engine.calls] == [Sampling(), Sampling()]


def test_sampling_arguments_reach_the_engine(client: Client) -> None:
    client.chat_completion(HELLO, 0.1, 7, top_p=0.5, stop=["x"], seed=3)
    assert client.engine.calls[0][1] == Sampling(temperature=0.1, max_tokens=7, top_p=0.5, stop=["x"], seed=3)


def test_a_prompt_gives_a_text_and_prompts_their_texts_in_order(client: Client) -> None:
    assert client.completion("one two") == "one two "
    assert client.completion(["one two three", "four"]) == ["one two three ", "four "]


def test_several_conversations_are_answered_in_order(client: Client) -> None:
    conversations = [[{"role": "user", "content": text}] for text in ("one two three", "four")]
    assert client.chat_completions(conversations) == ["one two three ", "four "]


def test_streams_give_pieces(client: Client) -> None:
    assert list(client.stream_completion("one two")) == ["one ", "two "]
    assert list(client.stream_chat_completion(HELLO)) == ["Hello "]


def test_a_closed_stream_ends_its_generation(client: Client) -> None:
    stream = client.stream_completion("forever")
    assert next(stream) == "forever "
    assert client.engine.running == 1
    stream.close()  # type: ignore[attr-defined]
    assert client.engine.running == 0


def test_threads_share_the_engine(client: Client) -> None:
    stream = client.stream_completion("forever")
    next(stream)
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(client.completion("other")))
    thread.start()
    thread.join(30)
    assert answers == ["other "]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"temperature": 3}, "temperature: Input should be less than or equal to 2"),
        ({"max_tokens": 0}, "max_tokens: "),
        ({"temprature": 1}, "temprature: .*the arguments are temperature, top_p, max_tokens"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_runs(
    client: Client, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        client.stream_completion("x", **arguments)
    assert client.engine.calls == []


@pytest.mark.parametrize("messages", ["Hello", [], ["Hello"]])
def test_what_is_no_conversation_is_refused(client: Client, messages: Any) -> None:
    with pytest.raises(ValueError, match="messages must be a list like"):
        client.chat_completion(messages)


def test_a_refused_prompt_is_a_value_error_and_ends_the_others(client: Client) -> None:
    with pytest.raises(ValueError, match="too long"):
        client.completion(["forever", "bad"])
    assert client.engine.running == 0


def test_a_failing_engine_is_a_runtime_error(client: Client) -> None:
    with pytest.raises(RuntimeError, match="engine failed"):
        client.completion("dead")


def test_closing_ends_the_engine_and_what_is_in_flight() -> None:
    client = Client("org/name")
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            client.completion("forever")
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    eventually(lambda: client.engine.running == 1, 30, "the generation to run")
    client.close()
    thread.join(30)
    assert [str(error) for error in errors] == ["this VLLMClient was closed meanwhile"]
    assert client.engine.stopped
    client.close()


def test_a_closed_client_says_so(client: Client) -> None:
    client.close()
    with pytest.raises(RuntimeError, match="is closed"):
        client.completion("x")


def test_an_engine_that_does_not_start_leaves_no_thread() -> None:
    class Broken(Client):
        async def _start(self, arguments: Mapping[str, Any]) -> tuple[ChatEngine, Callable[[], None]]:
            raise RuntimeError("no memory")

    before = threading.active_count()
    with pytest.raises(RuntimeError, match="no memory"):
        Broken("org/name")
    assert threading.active_count() == before
