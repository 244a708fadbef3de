"""The OpenAPI document says what the routes do: clients made from it meet no surprise."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import jsonschema
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.types import ASGIApp

from sirocco_serving import health
from sirocco_serving.config import (
    AccessSettings,
    AnswerCacheSettings,
    GenerationSettings,
    LimitSettings,
    Settings,
)
from sirocco_serving.engine.protocol import Delta
from sirocco_serving.engine.sampling import Sampling
from sirocco_serving.generate import openapi, routes
from sirocco_serving.generate.openapi import document
from sirocco_serving.plugin import SiroccoEndpoints
from sirocco_serving.stack import layers
from tests.unit.serving.asgi import Exchange, call

EXAMPLES = 40


class Echo:
    """Generates the prompt in one step."""

    async def generate(
        self, prompt: str, sampling: Sampling, trace_headers: Mapping[str, str]
    ) -> AsyncGenerator[Delta, None]:
        yield Delta(prompt, 1, 1, "stop")

    async def healthy(self) -> bool:
        return True


def served() -> ASGIApp:
    """Our routes behind the whole stack."""
    app = FastAPI(openapi_url=None)
    SiroccoEndpoints().attach_router(app)
    app.state.sirocco_engine = Echo()
    stacked: ASGIApp = app
    for layer in reversed(layers(Settings())):
        stacked = layer(stacked)
    return stacked


def ask(path: str, body: object = None, method: str = "POST") -> Exchange:
    return asyncio.run(call(served(), path, json.dumps(body).encode(), method))


schema = schemathesis.openapi.from_asgi("/openapi.json", served())


@schema.parametrize()
@hypothesis_settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_documented(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
            response_headers_conformance,
            positive_data_acceptance,
            negative_data_rejection,
        ]
    )


def test_exactly_our_routes_are_described() -> None:
    routers = (routes.router, health.router, openapi.router)
    found: list[Any] = [route for router in routers for route in router.routes]
    ours = {(route.path, method.lower()) for route in found for method in route.methods}
    described = {
        (path, method) for path, methods in document(Settings())["paths"].items() for method in methods
    }
    assert described == ours


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [
        ("/generate", "post", {"prompts": ["abc"]}),
        ("/generate/batch", "post", {"prompts": ["abc"]}),
        ("/ready", "get", None),
        ("/live", "get", None),
    ],
)
def test_answers_fit_their_schemas(path: str, method: str, body: object) -> None:
    whole = document(Settings())
    answer = ask(path, body, method.upper())
    schema_of_answer = whole["paths"][path][method]["responses"]["200"]["content"]["application/json"][
        "schema"
    ]
    jsonschema.validate(json.loads(answer.text), schema_of_answer | {"components": whole["components"]})


def test_a_models_own_defaults_and_limits_are_described() -> None:
    whole = document(
        Settings(
            generation=GenerationSettings(temperature=0.2),
            limits=LimitSettings(prompts=3, new_tokens=100),
        )
    )
    schemas = whole["components"]["schemas"]
    for request in ("GenerateRequest", "BatchRequest"):
        fields = schemas[request]["properties"]
        assert fields["temperature"]["default"] == 0.2
        assert (fields["max_tokens"]["default"], fields["max_tokens"]["maximum"]) == (100, 100)
        lists = [fields["prompts"], *fields["prompts"].get("anyOf", [])]
        assert [form["maxItems"] for form in lists if "maxItems" in form] == [3]


@pytest.mark.parametrize(
    ("settings", "statuses"),
    [
        (Settings(), set()),
        (Settings(limits=LimitSettings(in_flight=1)), {"429"}),
        (Settings(access=AccessSettings(keys_folder="/keys")), {"401", "403", "429"}),
    ],
)
def test_what_is_off_is_not_described(settings: Settings, statuses: set[str]) -> None:
    responses = document(settings)["paths"]["/generate"]["post"]["responses"]
    assert responses.keys() - {"200", "400", "413", "422", "500", "503"} == statuses
    assert "headers" not in responses["200"]


def test_the_caches_header_is_described_where_it_is_on() -> None:
    operation = document(Settings(answer_cache=AnswerCacheSettings()))["paths"]["/generate"]["post"]
    assert "x-sirocco-cache" in operation["responses"]["200"]["headers"]
