"""What a fault's test tells of itself: the rows of docs/reliability.md, printed at the end of the run."""

from collections.abc import Callable

import pytest

# What was seen, in the words of the row.
Record = Callable[[str], None]

_SEEN = "seen"


@pytest.fixture
def record(record_property: Callable[[str, object], None]) -> Record:
    """Takes the sentence that says what was seen."""
    return lambda sentence: record_property(_SEEN, sentence)


def rows(reports: list[pytest.TestReport]) -> list[str]:
    """A row for each test that told something: its name, what was seen, and how long it took."""
    return [
        f"| {report.nodeid.rpartition('::test_')[2].replace('_', ' ')} | {seen} | {report.duration:.0f} s |"
        for report in sorted(reports, key=lambda report: report.nodeid)
        for name, seen in report.user_properties
        if name == _SEEN and report.when == "call"
    ]
