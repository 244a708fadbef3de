"""The PrometheusRules as the chart renders them with its defaults."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from tests.chart.helm import PROMETHEUS_RULE_API, render, tool

RULE_FILES: Final = ["sirocco-models.yaml", "sirocco-operator.yaml"]

Rule = dict[str, Any]


def objects(values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The chart's PrometheusRules."""
    return [one for one in render(values, apis=[PROMETHEUS_RULE_API]) if one["kind"] == "PrometheusRule"]


def rules(values: dict[str, Any] | None = None) -> Iterator[Rule]:
    """All rules of all groups."""
    for one in objects(values):
        for group in one["spec"]["groups"]:
            yield from group["rules"]


def groups() -> list[str]:
    """The names of all groups, in their order."""
    return [group["name"] for one in objects() for group in one["spec"]["groups"]]


def alerts() -> list[Rule]:
    """The rules that alert."""
    return [rule for rule in rules() if "alert" in rule]


def write(folder: Path) -> list[str]:
    """Writes each object's groups as a file of Prometheus' own; returns the files' names."""
    names = []
    for one in objects():
        name = f"{one['metadata']['name']}.yaml"
        (folder / name).write_text(yaml.safe_dump(one["spec"], width=1000))
        names.append(name)
    return sorted(names)


def promtool(*arguments: str | Path) -> str:
    """What promtool prints, on both streams; empty where it only says that all is well."""
    done = subprocess.run(
        [tool("promtool"), *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
