"""Traces of a real vLLM in Jaeger: our span joins the caller's, and vLLM's own joins ours."""

import json
import secrets
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sirocco_operator.api.parse import parse
from sirocco_operator.children.pod.command import engine_arguments
from sirocco_operator.children.pod.environment import engine_environment
from sirocco_operator.children.serving_config import INTERNAL_KEY, INTERNAL_PATH, KEYS_PATH, serving_json
from tests.contract.issued import issue
from tests.integrations.door import door
from tests.integrations.jaeger import Jaeger, Span
from tests.serving.container import Answer, Container, copy_model, start
from tests.waiting import eventually

# How a container reaches this machine.
HOST = "host.docker.internal"
COLLECTORS_KEY = "c0llectors-key"
COLLECTORS_SECRET = {"OTEL_EXPORTER_OTLP_HEADERS": f"signoz-ingestion-key={COLLECTORS_KEY}"}
PROMPT = "The zebrafinch sings"
ENGINES = "llm_request"

CHAT = {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 4}
PLAIN = {"prompt": PROMPT, "max_tokens": 4}
REQUESTS: dict[str, tuple[str, dict[str, Any], int]] = {
    "chat": ("/v1/chat/completions", {"model": "finch", **CHAT}, 1),
    "chat as a stream": ("/v1/chat/completions", {"model": "finch", **CHAT, "stream": True}, 1),
    "completion": ("/v1/completions", {"model": "finch", **PLAIN}, 1),
    "generate": ("/generate", {**PLAIN, "stream": False}, 1),
    "generate as a stream": ("/generate", PLAIN, 1),
    "batch": ("/generate/batch", {"prompts": [PROMPT, PROMPT + " again"], "max_tokens": 4}, 2),
}


@dataclass(frozen=True)
class Traced:
    """A model server that sends its spans to a Jaeger, and a key for it."""

    container: Container
    jaeger: Jaeger
    key: str

    def ask(
        self, path: str, body: Mapping[str, Any], traceparent: str | None = None, *, key: bool = True
    ) -> Answer:
        """A request with the key, and with the caller's trace if there is one."""
        headers = {"Authorization": f"Bearer {self.key}"} if key else {}
        if traceparent is not None:
            headers["traceparent"] = traceparent
        return self.container.ask("POST", path, body, headers=headers)

    def logged(self) -> list[dict[str, Any]]:
        """The log's lines of requests."""
        return [json.loads(line) for line in self.container.logs().splitlines() if line.startswith('{"time"')]

    def about_export(self) -> list[str]:
        """The log's lines that tell of trouble with the collector."""
        return [
            line for line in self.container.logs().splitlines() if "exporting" in line or "export " in line
        ]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_model(tmp_path_factory.mktemp("model"))


def traced(
    model: Path, folder: Path, jaeger: Jaeger, tracing: dict[str, Any], certificate: Path | None = None
) -> Iterator[Traced]:
    """A ready vLLM with the environment, flags and settings that the operator gives to such a model."""
    spec = {
        "model": {"uri": "oci://finch"},
        "device": "cpu",
        "access": {"keysSecretName": "keys"},
        "tracing": tracing,
    }
    rendered = parse({"metadata": {"name": "finch", "namespace": "models", "uid": "a"}, "spec": spec})
    issued = issue("alice")
    for part, name, text in (
        ("keys", "alice", issued.entry("alice")),
        ("internal", INTERNAL_KEY, secrets.token_hex(32)),
    ):
        (folder / part).mkdir(mode=0o755)
        (folder / part / name).write_text(text)
    environment = {
        each["name"]: each["value"] if "value" in each else _from_elsewhere(each["valueFrom"])
        for each in engine_environment(rendered)
        if each["name"].startswith(("OTEL_", "SIROCCO_POD"))
    }
    environment["OTEL_RESOURCE_ATTRIBUTES"] = environment["OTEL_RESOURCE_ATTRIBUTES"].replace(
        "$(SIROCCO_POD_NAME)", environment["SIROCCO_POD_NAME"]
    )
    arguments = engine_arguments(rendered, "/model")
    endpoint = arguments.index("--otlp-traces-endpoint")
    options = [f"--volume={folder}/keys:{KEYS_PATH}:ro", f"--volume={folder}/internal:{INTERNAL_PATH}:ro"]
    options += [f"--add-host={HOST}:host-gateway"]
    if certificate is not None:
        options += [f"--volume={certificate}:/etc/collector.crt:ro"]
        environment["OTEL_EXPORTER_OTLP_CERTIFICATE"] = "/etc/collector.crt"
    with start(
        "sirocco/serving-cpu:dev",
        model,
        folder,
        serving_json(rendered),
        arguments=["--served-model-name", "finch", *arguments[endpoint : endpoint + 2]],
        environment=environment,
        options=options,
    ) as container:
        container.wait_until_ready(400)
        yield Traced(container, jaeger, issued.key)


def _from_elsewhere(source: Mapping[str, Any]) -> str:
    """What the kubelet would put in."""
    if "fieldRef" in source:
        return "finch-0"
    assert source["secretKeyRef"]["name"] == "signoz"
    return COLLECTORS_SECRET[source["secretKeyRef"]["key"]]


@pytest.fixture(scope="module")
def server(model: Path, jaeger: Jaeger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    """All requests are traced, and sent as to a provider: with TLS and the provider's key."""
    folder = tmp_path_factory.mktemp("server")
    header = ("signoz-ingestion-key", COLLECTORS_KEY)
    with door(HOST, header, jaeger.port, folder) as (port, certificate):
        tracing = {"endpoint": f"https://{HOST}:{port}", "headersSecretName": "signoz"}
        yield from traced(model, folder, jaeger, tracing, certificate)


def ours(spans: list[Span]) -> Span:
    """The span of our layer."""
    (found,) = (span for span in spans if span.name != ENGINES)
    return found


@pytest.mark.parametrize(("path", "body", "prompts"), REQUESTS.values(), ids=REQUESTS.keys())
def test_vllms_spans_are_children_of_ours_in_the_callers_trace(
    server: Traced, path: str, body: dict[str, Any], prompts: int
) -> None:
    trace, parent = secrets.token_hex(16), secrets.token_hex(8)
    answer = server.ask(path, body, f"00-{trace}-{parent}-01")
    assert answer.status == 200, answer.text
    spans = server.jaeger.wait_for(trace, path, *[ENGINES] * prompts)
    mine = ours(spans)
    assert mine.parent == parent
    assert [span.parent for span in spans if span.name == ENGINES] == [mine.id] * prompts
    assert {(span.service, span.resource["k8s.pod.name"]) for span in spans} == {("finch", "finch-0")}
    assert (
        mine.attributes.items()
        >= {
            "http.route": path,
            "http.response.status_code": 200,
            "sirocco.key": "alice",
            "gen_ai.usage.output_tokens": 4 * prompts,
        }.items()
    )
    engines = sum(span.attributes["gen_ai.usage.prompt_tokens"] for span in spans if span.name == ENGINES)
    assert mine.attributes["gen_ai.usage.input_tokens"] == engines > 0


def test_without_a_callers_trace_one_begins_whose_id_is_in_the_log(server: Traced) -> None:
    assert server.ask(*REQUESTS["chat"][:2]).status == 200
    spans = server.jaeger.wait_for(server.logged()[-1]["id"], "/v1/chat/completions", ENGINES)
    assert ours(spans).parent is None


def test_a_refused_request_has_a_span_and_reaches_no_engine(server: Traced) -> None:
    trace = secrets.token_hex(16)
    answer = server.ask(*REQUESTS["chat"][:2], f"00-{trace}-{secrets.token_hex(8)}-01", key=False)
    assert answer.status == 401
    (span,) = server.jaeger.wait_for(trace, "/v1/chat/completions")
    assert span.attributes["error.type"] == "invalid_api_key"
    assert "sirocco.key" not in span.attributes


def test_no_span_and_no_log_holds_a_text_or_a_key(server: Traced) -> None:
    answer = server.ask(*REQUESTS["completion"][:2])
    server.jaeger.wait_for(server.logged()[-1]["id"], "/v1/completions", ENGINES)
    sent = server.jaeger.everything("finch")
    assert server.logged()[-1]["id"] in sent
    texts = [choice["text"] for choice in json.loads(answer.text)["choices"]]
    for secret in ("zebrafinch", server.key, COLLECTORS_KEY, *filter(None, map(str.strip, texts))):
        assert secret not in sent
        assert secret not in server.container.logs()


@pytest.fixture(scope="module")
def silent(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    """Only requests whose callers ask for it are traced, sent to a Jaeger that tests may stop."""
    folder = tmp_path_factory.mktemp("silent")
    jaeger = Jaeger(folder)
    jaeger.start()
    tracing = {"endpoint": f"http://{HOST}:{jaeger.port}", "sampleRatio": 0}
    yield from traced(model, folder, jaeger, tracing)
    jaeger.stop()


def test_at_a_ratio_of_0_only_what_its_caller_traces_is_traced(silent: Traced) -> None:
    path, body, _ = REQUESTS["completion"]
    unsampled, sampled = secrets.token_hex(16), secrets.token_hex(16)
    assert silent.ask(path, body).status == 200
    begun = silent.logged()[-1]["id"]
    assert silent.ask(path, body, f"00-{unsampled}-{secrets.token_hex(8)}-00").status == 200
    assert silent.ask(path, body, f"00-{sampled}-{secrets.token_hex(8)}-01").status == 200
    # Spans are sent in the order of the requests.
    silent.jaeger.wait_for(sampled, path, ENGINES)
    assert silent.jaeger.trace(begun) == silent.jaeger.trace(unsampled) == []
    assert begun not in silent.jaeger.everything("finch")


def test_without_its_collector_a_model_answers_as_fast_and_logs_little(silent: Traced) -> None:
    path, body, _ = REQUESTS["completion"]

    def seconds() -> float:
        started = time.monotonic()
        answer = silent.ask(path, body, f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01")
        assert answer.status == 200, answer.text
        return time.monotonic() - started

    with_collector = [seconds() for _ in range(20)]
    silent.jaeger.stop()
    without = []

    def given_up() -> bool:
        without.append(seconds())
        return any("Failed to export" in line for line in silent.about_export()) and len(without) >= 20

    eventually(given_up, 120, lambda: f"exports to fail:\n{silent.container.logs()[-3000:]}")
    assert statistics.median(without) < 1.5 * statistics.median(with_collector) + 0.05
    # Once a minute it is told that an export is tried again, and that it has failed.
    assert len(silent.about_export()) <= 4, "\n".join(silent.about_export())
    silent.jaeger.start()

    def sent_again() -> bool:
        seconds()
        return {span.name for span in silent.jaeger.spans("finch")} >= {path, ENGINES}

    eventually(sent_again, 60, "spans to be sent again", interval=1)
