"""What holds under fire, on a real vLLM: requests of all kinds, of more clients than there are places.

tests/faults sends more of them, `tests.bench.fire` thousands.
"""

from pathlib import Path

import pytest

from tests.bench.fire import GENERATED_PART, Report, run, server
from tests.serving.container import QUICK

REQUESTS = 150
CLIENTS = 40


@pytest.fixture(scope="module")
def report(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    with server(model, tmp_path_factory.mktemp("fire"), QUICK) as container:
        return run(container, REQUESTS, CLIENTS, print)


def test_every_answer_is_one_of_the_contract(report: Report) -> None:
    assert report.volley.done == REQUESTS
    assert report.volley.wrong == [], report.table()


def test_no_request_stays_behind_in_a_gauge(report: Report) -> None:
    assert [name for name, value in report.gauges.items() if value] == [], report.table()


def test_generations_that_nobody_waits_for_are_aborted(report: Report) -> None:
    assert report.generated_part < GENERATED_PART, report.table()
