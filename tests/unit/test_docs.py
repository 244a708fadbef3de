"""The pages in docs/ match the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from sirocco_operator.api.autoscaling import Autoscaling
from sirocco_operator.api.parse import parse
from sirocco_operator.api.validation import problems
from sirocco_operator.children.scaling import behavior
from sirocco_serving.telemetry import metrics
from tests.unit.api.documents import document

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
CALLING = (ROOT / "docs" / "calling-a-model.md").read_text(encoding="utf-8")
LIMITS = (ROOT / "docs" / "access-and-limits.md").read_text(encoding="utf-8")
SCALING = (ROOT / "docs" / "autoscaling.md").read_text(encoding="utf-8")
SERVING = ROOT / "serving" / "src" / "sirocco_serving"


def _errors() -> Iterator[tuple[int, str]]:
    """Status and code of every error that the serving layer's sources name outright."""
    for path in SERVING.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "RequestError":
                continue
            match node.args[:2]:
                case [ast.Constant(value=int() as status), ast.Constant(value=str() as code)]:
                    yield status, code


def test_every_error_is_on_the_page_for_callers() -> None:
    rows = re.findall(r"^\| (\d{3}) \| ([^|]+) \|", CALLING, re.MULTILINE)
    documented = {(int(status), code) for status, codes in rows for code in re.findall("`([a-z_]+)`", codes)}
    errors = set(_errors())
    assert len(errors) > 10
    assert errors - documented == set()


def test_every_metric_is_on_the_page_for_owners() -> None:
    names = {
        f"{metric._name}_total" if metric._type == "counter" else metric._name
        for metric in vars(metrics).values()
        if isinstance(metric, MetricWrapperBase)
    }
    assert names
    assert {name for name in names if f"`{name.removeprefix('sirocco_serving_')}`" not in LIMITS} == set()


def test_the_sample_on_the_page_for_owners_is_accepted() -> None:
    (sample,) = re.findall(r"```yaml\n(.*?)```", LIMITS, re.DOTALL)
    document = yaml.safe_load(sample)
    assert problems(document) == []
    assert parse(document).spec.access.keys_secret_name is not None


def test_the_sample_on_the_page_of_traces_is_accepted() -> None:
    page = (ROOT / "docs" / "traces.md").read_text(encoding="utf-8")
    (sample,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    document = yaml.safe_load(sample)
    assert problems(document) == []
    tracing = parse(document).spec.tracing
    assert tracing is not None
    assert {f"`tracing.{field}`" for field in document["spec"]["tracing"]} == set(
        re.findall(r"`tracing\.\w+`", page)
    )


@pytest.mark.parametrize("part", re.findall(r"```yaml\n(spec:.*?)```", SCALING, re.DOTALL))
def test_the_samples_on_the_page_about_autoscaling_are_accepted(part: str) -> None:
    assert problems(document(**yaml.safe_load(part)["spec"])) == []


def test_the_figures_on_the_page_about_autoscaling_are_the_defaults() -> None:
    up, down = (behavior(Autoscaling(max_replicas=8))[way] for way in ("scaleUp", "scaleDown"))
    assert [(each["type"], each["value"]) for each in up["policies"]] == [("Percent", 100), ("Pods", 4)]
    assert {each["periodSeconds"] for each in up["policies"]} == {3 * 60}
    assert "| up | double, or 4 more, in 3 minutes |" in SCALING
    assert down["stabilizationWindowSeconds"] == 10 * 60
    assert "| down, window | 10 minutes |" in SCALING
    assert [(each["type"], each["value"]) for each in down["policies"]] == [("Percent", 25), ("Pods", 1)]
    assert {each["periodSeconds"] for each in down["policies"]} == {2 * 60}
    assert "| down, speed | a quarter, at least 1, every 2 minutes |" in SCALING
