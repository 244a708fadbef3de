"""`GET /ready` and `GET /live`, for probes."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from sirocco_serving.answers import Health
from sirocco_serving.engine.protocol import Engine
from sirocco_serving.errors.request_error import RequestError

router = APIRouter()


async def _answer(request: Request, health: Health) -> Response:
    engine: Engine = request.app.state.sirocco_engine
    if await engine.healthy():
        return health.response()
    raise RequestError(503, "engine_dead", "The engine has stopped; the pod is about to restart.")


@router.get("/ready")
async def ready(request: Request) -> Response:
    """200 while new requests are welcome: the server only listens after a first generation."""
    return await _answer(request, Health(status="ready"))


@router.get("/live")
async def live(request: Request) -> Response:
    """200 while the engine runs, also while the pod drains."""
    return await _answer(request, Health(status="live"))
