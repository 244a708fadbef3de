"""Each alert fires when it should, and not just before."""

import re
from pathlib import Path

import pytest
import yaml

from tests.kind.paths import REPOSITORY
from tests.monitoring.case import Case
from tests.monitoring.cases import CASES
from tests.monitoring.rules import RULE_FILES, alerts, groups, promtool

RUNBOOKS = REPOSITORY / "docs" / "runbooks.md"


def expected(case: Case) -> list[dict[str, object]]:
    page = f"docs/runbooks.md#{case.alert.lower()}"
    return [
        {
            "exp_labels": {**one.labels, "severity": one.severity},
            "exp_annotations": {
                "summary": one.summary,
                "description": one.description,
                "runbook_url": page,
            },
        }
        for one in case.firing
    ]


def test_rules_are_ones_that_prometheus_takes(rules: Path) -> None:
    assert promtool("check", "rules", *(rules / name for name in RULE_FILES)) == ""


@pytest.mark.parametrize("case", CASES, ids=[f"{case.alert}: {case.name}" for case in CASES])
def test_alert(case: Case, rules: Path, tmp_path: Path) -> None:
    test = {
        "rule_files": [str(rules / name) for name in RULE_FILES],
        "evaluation_interval": "1m",
        # Without it the order is left to chance, and what is recorded is a minute old or not.
        "group_eval_order": groups(),
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
                "alert_rule_test": [
                    {"eval_time": case.at, "alertname": case.alert, "exp_alerts": expected(case)}
                ],
            }
        ],
    }
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(test, width=1000))
    problems = promtool("test", "rules", path)
    assert not problems, problems


def test_every_alert_is_seen_firing_and_not_firing() -> None:
    known = {(rule["alert"], rule["labels"]["severity"]) for rule in alerts()}
    fires = {(case.alert, one.severity) for case in CASES for one in case.firing}
    quiet = {
        (alert, severity)
        for alert, severity in known
        for case in CASES
        if case.alert == alert and severity not in {one.severity for one in case.firing}
    }
    assert fires == known
    assert quiet == known


def test_every_alert_has_a_runbook() -> None:
    headings = re.findall(r"^## (Sirocco\w+)$", RUNBOOKS.read_text(), re.MULTILINE)
    assert headings == list(dict.fromkeys(rule["alert"] for rule in alerts()))


def test_every_alert_says_how_bad_it_is_and_what_to_read() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{rule['alert'].lower()}"
