"""A server without our plugin."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message

from sirocco_serving.engine.require_plugin import RequirePlugin


@pytest.mark.parametrize("plugged", [True, False])
def test_a_server_without_our_plugin_does_not_start(plugged: bool) -> None:
    state = SimpleNamespace(sirocco_engine=object()) if plugged else SimpleNamespace()
    sent: list[Message] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.complete"})

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "lifespan", "app": SimpleNamespace(state=state)}
    asyncio.run(RequirePlugin(app)(scope, receive, send))
    if plugged:
        assert sent == [{"type": "lifespan.startup.complete"}]
    else:
        assert sent[0]["type"] == "lifespan.startup.failed"
        assert sent[0]["message"].startswith("sirocco serving: plugin: ")
