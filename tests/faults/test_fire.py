"""Some hundred requests of those that `tests.bench.fire` sends, of more clients than there are places."""

from pathlib import Path

import pytest

from tests.bench.fire import GENERATED_PART, Report, run, server

REQUESTS = 500
CLIENTS = 40


@pytest.fixture(scope="module")
def report(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    with server(model, tmp_path_factory.mktemp("fire")) as container:
        return run(container, REQUESTS, CLIENTS, print)


def test_every_answer_is_one_of_the_contract(report: Report) -> None:
    assert report.volley.done == REQUESTS
    assert report.volley.wrong == [], report.table()


def test_no_request_stays_behind_in_a_gauge(report: Report) -> None:
    assert [name for name, value in report.gauges.items() if value] == [], report.table()


def test_generations_that_nobody_waits_for_are_aborted(report: Report) -> None:
    assert report.generated_part < GENERATED_PART, report.table()
