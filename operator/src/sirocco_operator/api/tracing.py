"""Where a model's pods send the spans of requests."""

from typing import Final

from pydantic import ConfigDict, Field

from sirocco_operator.api.base import ApiModel
from sirocco_operator.api.crd.rules import PORT_NUMBER, Rule, with_rules
from sirocco_operator.api.pod import DNS_SUBDOMAIN

_COLLECTOR: Final = f"^https?://[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(:({PORT_NUMBER}))?$"


class Tracing(ApiModel):
    """OpenTelemetry traces: a span for each request, with vLLM's own spans below it."""

    model_config = ConfigDict(
        json_schema_extra=with_rules(
            Rule(
                f"self.endpoint.matches('{_COLLECTOR}')",
                "tracing.endpoint is the gRPC address of an OTLP collector without a path: write e.g. "
                "http://collector.observability:4317",
                field="endpoint",
            )
        )
    )

    endpoint: str = Field(
        min_length=1,
        max_length=512,
        description="OTLP collector (gRPC), e.g. http://collector.observability:4317 "
        "(--otlp-traces-endpoint).",
    )
    headers_secret_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        pattern=DNS_SUBDOMAIN,
        description="Secret whose entry OTEL_EXPORTER_OTLP_HEADERS, NAME=VALUE with commas between, is sent "
        "to the collector with the spans. A change needs a restart of the pods.",
    )
    sample_ratio: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of requests that are traced, of those that come without a trace.",
    )
