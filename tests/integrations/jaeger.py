"""Jaeger, in one process with everything in memory, and what it has been sent."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.api.processes import WITH_PARENT, free_ports, kill_group, last_lines, tool
from tests.waiting import eventually


@dataclass(frozen=True)
class Span:
    """One span as Jaeger shows it; `parent` is a span's id, or nothing for a root."""

    name: str
    id: str
    parent: str | None
    service: str
    resource: Mapping[str, Any]
    attributes: Mapping[str, Any]


class Jaeger:
    """Takes spans by OTLP on `port` (gRPC, all addresses); started and stopped any number of times."""

    def __init__(self, folder: Path) -> None:
        self.port, self._query, *self._others = free_ports(7)
        self._log = folder / "jaeger.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts with an empty memory; returns when it answers."""
        flags = [
            f"--collector.otlp.grpc.host-port=0.0.0.0:{self.port}",
            f"--query.http-server.host-port=127.0.0.1:{self._query}",
        ]
        others = ["collector.otlp.http", "collector.grpc-server", "collector.http-server"]
        others += ["query.grpc-server", "admin.http"]
        for name, port in zip(others, self._others, strict=True):
            flags.append(f"--{name}.host-port=127.0.0.1:{port}")
        with self._log.open("ab") as log:
            command = [*WITH_PARENT, tool("jaeger"), *flags]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        eventually(self._answers, 60, lambda: f"Jaeger to answer, its log:\n{last_lines(self._log)}")

    def stop(self) -> None:
        """Ends it; from then on nothing listens on its ports."""
        if self._process is not None:
            kill_group(self._process)
            self._process = None

    def trace(self, trace: str) -> list[Span]:
        """The spans that have come of one trace."""
        answer = httpx.get(f"http://127.0.0.1:{self._query}/api/traces/{trace}", timeout=30)
        return [] if answer.status_code == 404 else _spans(answer.json()["data"])

    def wait_for(self, trace: str, *names: str) -> list[Span]:
        """The spans of a trace, once those of all these names have come, each as often as it is given."""

        def come() -> list[Span]:
            spans = self.trace(trace)
            found = [span.name for span in spans]
            assert all(found.count(name) >= names.count(name) for name in names), found
            return spans

        return eventually(come, 60, f"the spans {', '.join(names)} of trace {trace}")

    def everything(self, service: str) -> str:
        """All that was ever sent for a service, as text."""
        return self._traces(service).text

    def spans(self, service: str) -> list[Span]:
        """All that was ever sent for a service."""
        return _spans(self._traces(service).json()["data"])

    def _traces(self, service: str) -> httpx.Response:
        address = f"http://127.0.0.1:{self._query}/api/traces"
        return httpx.get(address, params={"service": service, "limit": "1000"}, timeout=30)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, last_lines(self._log)
        try:
            return httpx.get(f"http://127.0.0.1:{self._query}/api/services", timeout=5).is_success
        except httpx.TransportError:
            return False


def _spans(traces: list[dict[str, Any]]) -> list[Span]:
    return [
        Span(
            span["operationName"],
            span["spanID"],
            next((each["spanID"] for each in span["references"] if each["refType"] == "CHILD_OF"), None),
            process["serviceName"],
            _attributes(process["tags"]),
            _attributes(span["tags"]),
        )
        for trace in traces
        for span in trace["spans"]
        for process in [trace["processes"][span["processID"]]]
    ]


def _attributes(tags: list[dict[str, Any]]) -> dict[str, Any]:
    return {tag["key"]: tag["value"] for tag in tags}
