"""`GET /ready` and `GET /live`, for probes."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from sirocco_serving.engine.protocol import Engine
from sirocco_serving.errors.request_error import RequestError

router = APIRouter()


class Health(BaseModel):
    """The answer to a probe."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Literal["ready", "live"]


async def _answer(request: Request, health: Health) -> Response:
    engine: Engine = request.app.state.sirocco_engine
    if await engine.healthy():
        return Response(health.model_dump_json(), media_type="application/json")
    raise RequestError(503, "engine_dead", "The engine has stopped; the pod is about to restart.")


@router.get("/ready")
async def ready(request: Request) -> Response:
    """Answers 200 while the pod takes new requests. The server only listens after a first generation."""
    return await _answer(request, Health(status="ready"))


@router.get("/live")
async def live(request: Request) -> Response:
    """Answers 200 while the engine runs, also while the pod drains."""
    return await _answer(request, Health(status="live"))
