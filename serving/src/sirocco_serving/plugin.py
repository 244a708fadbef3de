"""The endpoint plugin that vLLM loads. It adds our routes and checks that the engine generates."""

from argparse import Namespace
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import State

from sirocco_serving import health
from sirocco_serving.config import settings
from sirocco_serving.engine.guard import guard_client
from sirocco_serving.engine.protocol import Engine
from sirocco_serving.engine.sampling import Sampling
from sirocco_serving.errors.request_error import RequestError, answer_request_error
from sirocco_serving.errors.startup_error import StartupError
from sirocco_serving.generate import openapi, routes


class SiroccoEndpoints:
    """Implements vLLM's endpoint plugin protocol, which is the same in 0.26, 0.32 and 0.33."""

    name = "sirocco"
    required_tasks = ("generate",)

    def attach_router(self, app: FastAPI) -> None:
        """Adds our routes to vLLM's app."""
        app.include_router(routes.router)
        app.include_router(health.router)
        app.include_router(openapi.router)
        # vLLM's own routes raise it, too: they call the guarded client.
        app.add_exception_handler(RequestError, answer_request_error)

    async def init_state(self, engine_client: Any, state: State, args: Namespace) -> None:
        """Generates one token before the socket listens, so that a pod that answers can generate.

        Raises StartupError when the engine cannot generate.
        """
        from sirocco_serving.engine.vllm_engine import VllmEngine

        engine = VllmEngine(engine_client)
        await generate_one_token(engine)
        guard_client(engine_client, settings().limits)
        state.sirocco_engine = engine


async def generate_one_token(engine: Engine) -> None:
    """Generates one token. Raises StartupError with the cause when none comes."""
    tokens = 0
    try:
        async for delta in engine.generate("Hello", Sampling(temperature=0, max_tokens=1), {}):
            tokens += delta.tokens
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
        raise StartupError("engine", f"the engine failed its first generation: {cause}") from error
    if tokens == 0:
        raise StartupError("engine", "the engine ended its first generation without a token")
