"""A request's span: it joins the caller's trace, hands it on, and tells no text."""

import asyncio
import logging
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from starlette.types import ASGIApp

from sirocco_serving.config import Settings, TracingSettings
from sirocco_serving.errors.request_error import RequestError
from sirocco_serving.request.state import Identity, set_identity, set_queue_seconds, set_usage
from sirocco_serving.stack import layers
from sirocco_serving.telemetry.observe import Observe
from sirocco_serving.telemetry.trace import Trace, tracer_provider
from tests.unit.serving.asgi import answering, call, exchange

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
NOT_SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-00"}


def traced(
    app: ASGIApp,
    headers: Mapping[str, str] | None = None,
    *,
    path: str = "/generate",
    ratio: float = 1,
) -> list[ReadableSpan]:
    """The spans of one request; an error of the app's is let pass."""
    exporter = InMemorySpanExporter()
    spans = tracer_provider(
        TracingSettings(endpoint="http://collector:4317", sample_ratio=ratio), "mistral", export=False
    )
    spans.add_span_processor(SimpleSpanProcessor(exporter))
    made = exchange(path, headers=headers)

    async def whole() -> None:
        await asyncio.gather(Trace(app, spans)(made.scope, made.receive, made.send), return_exceptions=True)

    asyncio.run(whole())
    return list(exporter.get_finished_spans())


def test_a_span_joins_the_callers_trace_and_hands_it_on() -> None:
    seen: list[tuple[bytes, bytes]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])

    (span,) = traced(app, SAMPLED | {"x-other": "1"})
    assert span.context is not None
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)
    handed = f"00-{TRACE}-{span.context.span_id:016x}-01"
    assert sorted(seen) == [(b"traceparent", handed.encode()), (b"x-other", b"1")]


def test_without_a_trace_one_begins_and_the_log_has_its_id() -> None:
    lines: list[Mapping[str, object]] = []
    (span,) = traced(Observe(answering(), None, lines.append))
    assert span.context is not None
    assert [line["id"] for line in lines] == [f"{span.context.trace_id:032x}"]


@pytest.mark.parametrize(
    ("headers", "ratio", "spans"), [(SAMPLED, 0, 1), (NOT_SAMPLED, 1, 0), ({}, 0, 0), ({}, 1, 1)]
)
def test_the_callers_decision_holds_else_the_ratio(
    headers: Mapping[str, str], ratio: float, spans: int
) -> None:
    assert len(traced(answering(), headers, ratio=ratio)) == spans


def test_a_span_tells_who_asked_and_what_it_took() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        set_identity(scope, Identity("team-a"))
        set_queue_seconds(scope, 0.5)
        set_usage(scope, 3, 4)
        await answering(200)(scope, receive, send)

    (span,) = traced(app, path="/v1/completions")
    assert span.name == "/v1/completions"
    assert span.resource.attributes["service.name"] == "mistral"
    assert dict(span.attributes or {}) == {
        "http.route": "/v1/completions",
        "http.response.status_code": 200,
        "sirocco.key": "team-a",
        "sirocco.queue_seconds": 0.5,
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 4,
    }


def test_a_refusal_is_an_attribute_with_its_code() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await RequestError(503, "draining", "my secret").answer(scope, receive, send)

    (span,) = traced(app)
    assert (span.attributes or {})["error.type"] == "draining"
    assert span.status.status_code is StatusCode.ERROR
    assert "secret" not in span.to_json()


def test_a_failure_is_an_error_without_its_text() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("my secret")

    (span,) = traced(app)
    assert (span.attributes or {})["error.type"] == "ValueError"
    assert not re.search("secret", span.to_json())


@pytest.mark.parametrize("path", ["/ready", "/metrics"])
def test_probes_and_scrapes_have_no_span(path: str) -> None:
    assert traced(answering(), path=path) == []


def test_a_path_that_is_not_ours_is_not_in_a_span() -> None:
    (span,) = traced(answering(404), path="/my-secret")
    assert "secret" not in span.to_json()


class Collector(TraceServiceServicer):
    """Keeps the names of the spans that it is sent."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def Export(  # noqa: N802
        self, request: ExportTraceServiceRequest, context: object
    ) -> ExportTraceServiceResponse:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.names += [span.name for span in scope.spans]
        return ExportTraceServiceResponse()


def test_spans_reach_a_collector() -> None:
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(1))
    add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        spans = tracer_provider(TracingSettings(endpoint=f"http://127.0.0.1:{port}"), "mistral")
        asyncio.run(call(Trace(answering(), spans), "/generate"))
        spans.shutdown()
    finally:
        server.stop(None)
    assert collector.names == ["/generate"]


def test_that_spans_cannot_be_sent_is_logged_seldom(caplog: pytest.LogCaptureFixture) -> None:
    tracer_provider(TracingSettings(endpoint="http://127.0.0.1:1"), "mistral").shutdown()
    logger = logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter")
    for seconds in range(3):
        logger.warning("retrying in %s s", seconds)
        logger.error("given up after %s s", seconds)
    assert caplog.messages == ["retrying in 0 s", "given up after 0 s"]


def test_the_stack_traces_only_where_the_settings_say_so() -> None:
    tracing = TracingSettings(endpoint="http://127.0.0.1:1")
    assert isinstance(layers(Settings(tracing=tracing))[0](answering()), Trace)
    assert not isinstance(layers(Settings())[0](answering()), Trace)
