"""A collector's door as a provider's: TLS, and only for who sends the right header."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    TraceServiceStub,
    add_TraceServiceServicer_to_server,
)


class _Door(TraceServiceServicer):
    def __init__(self, header: tuple[str, str], inside: grpc.Channel) -> None:
        self._header = header
        self._inside = TraceServiceStub(inside)  # type: ignore[no-untyped-call]

    def Export(  # noqa: N802
        self, request: ExportTraceServiceRequest, context: Any
    ) -> ExportTraceServiceResponse:
        if self._header not in [tuple(pair) for pair in context.invocation_metadata()]:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "the key is missing")
        answer: ExportTraceServiceResponse = self._inside.Export(request)
        return answer


@contextmanager
def door(host: str, header: tuple[str, str], inside: int, folder: Path) -> Iterator[tuple[int, Path]]:
    """Hands on to the port `inside` what comes with the header; the door's port, and its certificate."""
    certificate, key = _certificate(host, folder)
    server = grpc.server(ThreadPoolExecutor(4))
    with grpc.insecure_channel(f"127.0.0.1:{inside}") as channel:
        add_TraceServiceServicer_to_server(_Door(header, channel), server)  # type: ignore[no-untyped-call]
        pair = (key.read_bytes(), certificate.read_bytes())
        port = server.add_secure_port("0.0.0.0:0", grpc.ssl_server_credentials([pair]))
        server.start()
        try:
            yield port, certificate
        finally:
            server.stop(None).wait()


def _certificate(host: str, folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "tls.crt", folder / "tls.key"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    kind = "DNS" if host[0].isalpha() else "IP"
    command += ["-days", "2", "-subj", f"/CN={host}", "-addext", f"subjectAltName={kind}:{host}"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    certificate.chmod(0o644)
    return certificate, key
