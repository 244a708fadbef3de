"""What a collector asks for is refused early where the exporters would print it."""

import logging

import grpc  # type: ignore[import-untyped]
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from sirocco_serving import preflight
from sirocco_serving.errors.startup_error import StartupError
from sirocco_serving.telemetry.collector_headers import VARIABLES, check_headers

FINE = (
    "",
    "signoz-ingestion-key=0f-ab_12.~",
    "Authorization=Basic dXNlcjpwYXNz==, x-scope-orgid = team%20a,",
    "key=a%2Cb%3Bc",
    "key=",
    "key=value\n",
)


@pytest.mark.parametrize("text", FINE)
def test_what_the_exporters_read_and_send_is_let_pass(
    text: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    check_headers({VARIABLES[0]: text})
    monkeypatch.setenv(VARIABLES[0], text)
    with caplog.at_level(logging.DEBUG):
        sent = OTLPSpanExporter("http://127.0.0.1:1", insecure=True)._headers
        assert isinstance(sent, tuple)
        channel = grpc.insecure_channel("127.0.0.1:1")
        # gRPC looks at them before it finds nobody there.
        with pytest.raises(grpc.RpcError):
            channel.unary_unary("/a/b")(b"", metadata=sent, timeout=5)
    assert len(sent) == sum("=" in part for part in text.split(","))
    assert caplog.text == ""


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize(
    "text",
    [
        "s3cret",
        "=s3cret",
        "my key=s3cret",
        "key=s3;cret",
        "key=s3cret\u00e9",
        "key=s3cret%0A",
        'key="s3cret"',
    ],
)
def test_what_they_would_print_is_refused_untold(variable: str, text: str) -> None:
    with pytest.raises(StartupError, match=f"tracing: {variable} is not NAME=VALUE") as refusal:
        check_headers({variable: text})
    assert "cret" not in str(refusal.value)


def test_the_server_does_not_start_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLES[0], "s3cret")
    with pytest.raises(StartupError, match="is not NAME=VALUE"):
        preflight.check()
