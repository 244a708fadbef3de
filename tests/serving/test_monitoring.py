"""A real vLLM has what the chart's rules and dashboards read: a metric that is renamed is found here."""

import itertools
import json
from collections.abc import Iterator

import pytest

from sirocco_operator.api.parse import parse
from sirocco_operator.children.build import build_children
from sirocco_operator.kube.kinds import CHILD_KINDS
from sirocco_operator.settings import Settings
from tests.api.processes import free_ports
from tests.contract.issued import INTERNAL
from tests.contract.model import manifest
from tests.contract.server import Server
from tests.monitoring import dashboards, names
from tests.monitoring.discovery import targets
from tests.monitoring.process import LocalPrometheus, prometheus
from tests.monitoring.rules import rules
from tests.monitoring.scraping import scrape_configs
from tests.waiting import eventually

MODEL = "contract"
NAMESPACE = "default"
SCRAPED = names.VLLM | names.SERVING
DEADLINE = 150
# Shorter than an installation's, so that no test waits for two scrapes.
SCRAPED_EVERY = "1s"


@pytest.fixture(scope="module")
def metrics(server: Server) -> str:
    """What Prometheus scrapes."""
    return server.ask("GET", "/metrics", key=INTERNAL).text


@pytest.fixture(scope="module")
def scraping(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPrometheus]:
    """Prometheus, which scrapes the server by the ServiceMonitor that the operator writes for its model."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "key").write_text(server.keys[INTERNAL])
    model, settings = parse(manifest(MODEL, NAMESPACE)), Settings(service_monitor_interval=SCRAPED_EVERY)
    children = {child["kind"]: child for child in build_children(model, settings, CHILD_KINDS)}
    host, _, port = server.url.removeprefix("http://").partition(":")
    slices = {
        "metadata": {"labels": {"kubernetes.io/service-name": MODEL}},
        "endpoints": [{"addresses": [host], "targetRef": {"name": f"{MODEL}-0"}}],
        "ports": [{"name": "http", "port": int(port)}],
    }
    container = {"name": "vllm", "ports": [{"containerPort": int(port)}]}
    pod = {"metadata": {"name": f"{MODEL}-0"}, "status": {}, "spec": {"containers": [container]}}
    found = targets([children["Service"]], [slices], [pod])
    scrapes = scrape_configs(children["ServiceMonitor"], found, lambda *_: str(folder / "key"))
    (listen,) = free_ports(1)
    with prometheus(folder, listen, scrapes) as running:
        yield running


class Traffic:
    """Requests that are answered, each with a prompt of its own, and such as are refused."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._numbers = itertools.count()

    def __call__(self) -> None:
        """A few of them."""
        body = {"prompt": f"Count from {next(self._numbers)}:", "max_tokens": 4, "stream": False}
        assert self._server.ask("POST", "/generate", body).status_code == 200
        assert self._server.ask("POST", "/generate", body, key="wrong").status_code == 401


@pytest.fixture
def traffic(server: Server) -> Traffic:
    """Requests, so that every counter moves."""
    return Traffic(server)


def until_answered(scraping: LocalPrometheus, queries: dict[str, str], traffic: Traffic) -> None:
    """Keep asking, under traffic, until every query has a value."""
    left = dict(queries)

    def answered() -> bool:
        traffic()
        for what, expression in list(left.items()):
            if scraping.values(expression):
                del left[what]
        return not left

    def describe() -> str:
        failures = [target["lastError"] for target in scraping.ask("targets")["activeTargets"]]
        return f"values of {json.dumps(left, indent=1)}; the targets' errors: {failures}"

    eventually(answered, DEADLINE, describe, interval=1)


def test_every_metric_that_is_read_is_vllms(metrics: str) -> None:
    assert names.VLLM - names.shown(metrics) == set()


def test_every_metric_that_is_read_is_ours(metrics: str) -> None:
    assert names.SERVING - names.shown(metrics) == set()


def test_objectives_are_bounds_of_vllms_histograms(metrics: str) -> None:
    first = names.bounds(metrics, "vllm:time_to_first_token_seconds")
    further = names.bounds(metrics, "vllm:request_time_per_output_token_seconds")
    assert set(names.FIRST_TOKEN_BOUNDS) - first == set()
    assert set(names.OUTPUT_TOKEN_BOUNDS) - further == set()


def test_prometheus_gets_a_value_for_every_panel_of_the_model(
    scraping: LocalPrometheus, traffic: Traffic
) -> None:
    chosen = {"namespace": NAMESPACE, "model": MODEL, "__rate_interval": "1m"}
    filled = {f"{query.panel}: {query.expr}": query.filled(chosen) for query in dashboards.queries("model")}
    wanted = {what: expr for what, expr in filled.items() if names.read_by([expr]) <= SCRAPED}
    assert len(wanted) > 20
    until_answered(scraping, wanted, traffic)


def test_prometheus_records_every_series_of_the_model(scraping: LocalPrometheus, traffic: Traffic) -> None:
    recorded = [rule for rule in rules() if "record" in rule and names.read_by([rule["expr"]]) <= SCRAPED]
    assert len(recorded) > 10
    until_answered(scraping, {rule["record"]: rule["record"] for rule in recorded}, traffic)
