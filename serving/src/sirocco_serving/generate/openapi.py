"""`GET /openapi.json`: the document of our own routes, with the defaults and limits of this model.

The server has it also where vLLM's own documents are off.
"""

from functools import cache
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter
from pydantic.json_schema import models_json_schema
from starlette.responses import JSONResponse, Response

from sirocco_serving.config import Settings, settings
from sirocco_serving.errors.schema import ErrorAnswer
from sirocco_serving.generate.answers import BatchAnswer, GenerateAnswer, StreamedText, StreamEnd
from sirocco_serving.generate.requests import BatchRequest, GenerateRequest, default_sampling
from sirocco_serving.health import Health

router = APIRouter()

_DESCRIPTION = (
    "The routes of Sirocco's serving layer. Beside them the server has vLLM's own: `/v1/chat/completions`, "
    "`/v1/completions`, `/v1/models` (OpenAI's API), `/health` and `/metrics`."
)
_EVENTS = (
    'Server-sent events: `data: {"text": str}` for each step, a last one with `finish_reason` and `usage`, '
    'then `data: [DONE]`. A failure after the first event is an event `data: {"error": {...}}`.'
)
_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
}


@router.get("/openapi.json")
async def describe() -> Response:
    """Answers with the document."""
    return _answer()


@cache
def _answer() -> Response:
    return JSONResponse(document(settings()))


def document(settings: Settings) -> dict[str, Any]:
    """Returns an OpenAPI 3.2 document, without what the settings switch off: keys, rates, the cache."""
    keys = settings.access.keys_folder is not None
    generate = _post(settings, GenerateRequest.__name__, GenerateAnswer.__name__)
    generate["responses"]["200"]["content"]["text/event-stream"] = {"itemSchema": _event()}
    generate["responses"]["200"]["description"] = f"JSON for `prompts` or `stream: false`. Else: {_EVENTS}"
    batch = _post(settings, BatchRequest.__name__, BatchAnswer.__name__)
    description = _get("describeRoutes", "This document.", {"type": "object"}) | _security(keys)
    if keys:
        description["responses"] |= {"401": _unauthorized()}
    components: dict[str, Any] = {"schemas": _schemas(settings)}
    if keys:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.2.0",
        "info": {"title": "Sirocco", "version": version("sirocco-serving"), "description": _DESCRIPTION},
        "paths": {
            "/generate": {"post": {"operationId": "generate", "summary": "Text for prompts.", **generate}},
            "/generate/batch": {"post": {"operationId": "generateBatch", "summary": "Texts alone.", **batch}},
            "/ready": {"get": _probe("ready", "Whether new requests are welcome.")},
            "/live": {"get": _probe("live", "Whether the engine runs.")},
            "/openapi.json": {"get": description},
        },
        "components": components,
    }


def _post(settings: Settings, request: str, answer: str) -> dict[str, Any]:
    keys = settings.access.keys_folder is not None
    responses: dict[str, Any] = {"200": _content("One answer a prompt.", _reference(answer))}
    if settings.answer_cache is not None:
        description = "Whether a deterministic request was answered from memory."
        schema = {"type": "string", "enum": ["hit", "miss"]}
        responses["200"]["headers"] = {"x-sirocco-cache": {"description": description, "schema": schema}}
    responses["400"] = _error("The body is no JSON object, a prompt is too long or denied.")
    if keys:
        responses["401"] = _unauthorized()
        responses["403"] = _error("The key may not use this model.")
    responses["413"] = _error(f"The body is longer than {settings.limits.body_bytes} bytes.")
    responses["422"] = _error("A field is missing, unknown, out of its range or over a limit.")
    if keys or settings.limits.in_flight is not None:
        responses["429"] = _error("Over a rate, or too many requests at once.") | {"headers": _RETRY_AFTER}
    responses["500"] = _error("The engine failed, or its result is empty or no finite number.")
    responses["503"] = _error("The replica is about to end, or overloaded.") | {"headers": _RETRY_AFTER}
    body = {"required": True, "content": {"application/json": {"schema": _reference(request)}}}
    return {"requestBody": body, "responses": responses, **_security(keys)}


def _event() -> dict[str, Any]:
    """Describes a server-sent event: JSON, or the mark of the end."""
    names = (StreamedText.__name__, StreamEnd.__name__, ErrorAnswer.__name__)
    content = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {"oneOf": [_reference(name) for name in names]},
    }
    data = {"anyOf": [{"type": "string", "const": "[DONE]"}, content]}
    return {"type": "object", "required": ["data"], "properties": {"data": data}}


def _probe(name: str, summary: str) -> dict[str, Any]:
    probe = _get(name, summary, _reference(Health.__name__))
    probe["responses"]["503"] = _error("No: the pod is about to end or to restart.")
    return probe


def _get(name: str, summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"operationId": name, "summary": summary, "responses": {"200": _content(summary, schema)}}


def _security(keys: bool) -> dict[str, Any]:
    return {"security": [{"key": []}]} if keys else {}


def _unauthorized() -> dict[str, Any]:
    return _error("No valid key.") | {
        "headers": {"WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}}}
    }


def _error(description: str) -> dict[str, Any]:
    return _content(description, _reference(ErrorAnswer.__name__))


def _content(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _schemas(settings: Settings) -> dict[str, Any]:
    models = (
        *(GenerateRequest, GenerateAnswer, StreamedText, StreamEnd),
        *(BatchRequest, BatchAnswer, Health, ErrorAnswer),
    )
    _, found = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    schemas: dict[str, Any] = found["$defs"]
    limits = settings.limits
    for request in (GenerateRequest, BatchRequest):
        fields = schemas[request.__name__]["properties"]
        for name, value in default_sampling(settings).items():
            fields[name]["default"] = value
        if limits.new_tokens is not None:
            fields["max_tokens"]["maximum"] = limits.new_tokens
        for form in (fields["prompts"], *fields["prompts"].get("anyOf", ())):
            if form.get("type") == "array":
                form["maxItems"] = limits.prompts
    return schemas
