"""`GET /openapi.json`, also where vLLM's own page of it is off."""

from functools import cache

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from sirocco_serving.config import settings
from sirocco_serving.openapi import document

router = APIRouter()


@router.get("/openapi.json")
async def describe() -> Response:
    """The document of our routes."""
    return _described()


@cache
def _described() -> Response:
    return JSONResponse(document(settings()))
