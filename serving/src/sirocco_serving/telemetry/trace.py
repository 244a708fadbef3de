"""The layer that sends one span for each request to an OTLP collector. vLLM's own spans are its children."""

import logging
import time
from collections.abc import Awaitable
from typing import Any

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sirocco_serving.config import TracingSettings
from sirocco_serving.request.paths import PATHS, PROBES
from sirocco_serving.request.state import error_code, identity, queue_seconds, usage

_CONTEXT = (b"traceparent", b"tracestate")
# The loggers of the SDK that report failed exports, of our spans and of vLLM's own.
_EXPORT_LOGGERS = ("opentelemetry.exporter.otlp.proto.grpc.exporter", "opentelemetry.sdk._shared_internal")
# With a connection of its own the exporter reconnects at once after an outage.
_OWN_CONNECTION: Any = (("grpc.use_local_subchannel_pool", 1),)


class RateFilter(logging.Filter):
    """Passes each kind of message once in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._passed: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns whether this record passes."""
        kind, now = str(record.msg), time.monotonic()
        if now - self._passed.get(kind, -self._seconds) < self._seconds:
            return False
        self._passed[kind] = now
        return True


_ONCE_A_MINUTE = RateFilter(60)


def tracer_provider(settings: TracingSettings, model: str | None, *, export: bool = True) -> TracerProvider:
    """Returns the provider of a model's spans. A caller may decide what is traced; else the ratio decides."""
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.sample_ratio)),
        resource=Resource.create({SERVICE_NAME: model or "sirocco"}),
    )
    if export:
        for name in _EXPORT_LOGGERS:
            logging.getLogger(name).addFilter(_ONCE_A_MINUTE)
        insecure = settings.endpoint.startswith("http://")
        exporter = OTLPSpanExporter(settings.endpoint, insecure=insecure, channel_options=_OWN_CONNECTION)
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


class Trace:
    """Joins the caller's trace or starts one. Spans hold names, numbers and codes, never a text or a key."""

    def __init__(self, app: ASGIApp, provider: TracerProvider) -> None:
        self._app = app
        self._tracer = provider.get_tracer("sirocco_serving")
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        route = scope["path"] if scope["path"] in PATHS else "other"
        with self._tracer.start_as_current_span(
            route,
            self._propagator.extract(carrier),
            SpanKind.SERVER,
            {"http.route": route},
            # The message of the error may hold what the client sent.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            injected: dict[str, str] = {}
            self._propagator.inject(injected)
            headers = [pair for pair in scope["headers"] if pair[0] not in _CONTEXT]
            headers += [(name.encode(), value.encode()) for name, value in injected.items()]
            # The state is shared with every copy of the scope further in.
            scope = {**scope, "headers": headers, "state": scope.get("state", {})}
            await self._traced(span, scope, receive, send)

    async def _traced(self, span: Span, scope: Scope, receive: Receive, send: Send) -> None:
        def forward(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                status: int = message["status"]
                span.set_attribute("http.response.status_code", status)
                if status >= 500:
                    span.set_status(StatusCode.ERROR)
            return send(message)

        try:
            await self._app(scope, receive, forward)
        except Exception as error:
            span.set_status(StatusCode.ERROR)
            span.set_attribute("error.type", type(error).__name__)
            raise
        finally:
            _describe(span, scope)


def _describe(span: Span, scope: Scope) -> None:
    """Adds what the layers further in found out."""
    if (holder := identity(scope)) is not None:
        span.set_attribute("sirocco.key", holder.name)
    if (code := error_code(scope)) is not None:
        span.set_attribute("error.type", code)
    if (waited := queue_seconds(scope)) is not None:
        span.set_attribute("sirocco.queue_seconds", waited)
    if (tokens := usage(scope)) is not None:
        span.set_attribute("gen_ai.usage.input_tokens", tokens.prompt_tokens)
        span.set_attribute("gen_ai.usage.output_tokens", tokens.completion_tokens)
