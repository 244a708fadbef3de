"""A server listens only once its engine has generated."""

import asyncio
from collections.abc import AsyncGenerator, Mapping

import pytest

from sirocco_serving.engine.protocol import Delta
from sirocco_serving.engine.sampling import Sampling
from sirocco_serving.plugin import generate_one_token


class Engine:
    def __init__(self, tokens: int = 1, error: Exception | None = None) -> None:
        self.tokens = tokens
        self.error = error
        self.calls: list[Sampling] = []

    async def generate(
        self, prompt: str, sampling: Sampling, trace_headers: Mapping[str, str]
    ) -> AsyncGenerator[Delta, None]:
        self.calls.append(sampling)
        if self.error is not None:
            raise self.error
        yield Delta("x" * self.tokens, self.tokens, 1, "length")

    async def healthy(self) -> bool:
        return True


def test_one_token_is_generated_before_the_server_listens() -> None:
    engine = Engine()
    asyncio.run(generate_one_token(engine))
    assert [sampling.max_tokens for sampling in engine.calls] == [1]


@pytest.mark.parametrize(
    ("engine", "problem"),
    [
        (
            Engine(error=RuntimeError("CUDA error")),
            "the engine failed its first generation: RuntimeError: CUDA error",
        ),
        (Engine(tokens=0), "the engine ended its first generation without a token"),
    ],
)
def test_an_engine_that_cannot_generate_ends_the_start_with_one_line(engine: Engine, problem: str) -> None:
    with pytest.raises(SystemExit) as raised:
        asyncio.run(generate_one_token(engine))
    assert str(raised.value) == f"sirocco serving: engine: {problem}"
