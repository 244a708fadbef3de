"""`vllm serve`, with the order of vLLM 0.32's start, its hooks and its way to end."""

import argparse
import asyncio
import contextlib
import importlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import entry_points
from typing import Any

import uvicorn
from fastapi import FastAPI

from . import openai
from .engine import Engine


class Server(uvicorn.Server):
    """Leaves signals to the caller, as vLLM's does."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Nothing to start, nothing to end."""
    yield


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The flags that have an effect here; vLLM's others are taken and left alone."""
    parser = argparse.ArgumentParser(prog="vllm")
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("model")
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--served-model-name", nargs="+", default=[])
    parser.add_argument("--middleware", action="append", default=[])
    parser.add_argument("--max-num-seqs", type=int, default=256)
    parser.add_argument("--shutdown-timeout", type=int, default=0)
    known, _ = parser.parse_known_args(arguments)
    known.served_model_name = known.served_model_name or [known.model]
    return known


def plugins(group: str) -> list[Any]:
    """What the plugins of a group that VLLM_PLUGINS names resolve to."""
    named = os.environ.get("VLLM_PLUGINS", "").split(",")
    return [point.load() for point in entry_points(group=group) if point.name in named]


def build_app(args: argparse.Namespace) -> FastAPI:
    """The app with its routes, endpoint plugins and middleware."""
    app = FastAPI(openapi_url=None, lifespan=lifespan)
    app.state.args = args
    app.include_router(openai.router)
    app.state.endpoint_plugins = [factory() for factory in plugins("vllm.endpoint_plugins")]
    for plugin in app.state.endpoint_plugins:
        plugin.attach_router(app)
    for name in args.middleware:
        module, _, attribute = name.rpartition(".")
        app.add_middleware(getattr(importlib.import_module(module), attribute))
    return app


async def serve(args: argparse.Namespace) -> None:
    """Starts the engine, builds the app and answers until a signal ends it."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((args.host, args.port))
    for register in plugins("vllm.general_plugins"):
        register()
    await asyncio.sleep(float(os.environ.get("STANDIN_START_SECONDS", "1")))
    pace = float(os.environ.get("STANDIN_TOKEN_SECONDS", "0.05"))
    engine = Engine(args.served_model_name[0], pace, args.max_num_seqs)
    app = build_app(args)
    app.state.engine_client = engine
    for plugin in app.state.endpoint_plugins:
        await plugin.init_state(engine, app.state, args)

    server = Server(uvicorn.Config(app, timeout_keep_alive=5))
    app.state.server = server
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
        return
    server.should_exit = True
    await serving


def interrupt_start(*_: object) -> None:
    """Ends a start that SIGTERM comes upon."""
    raise KeyboardInterrupt


def main() -> None:
    """The command `vllm`."""
    args = parse()
    signal.signal(signal.SIGTERM, interrupt_start)
    print(f"stand-in engine: {args.model} as {', '.join(args.served_model_name)}", flush=True)  # noqa: T201
    asyncio.run(serve(args))
