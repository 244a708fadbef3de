"""What values the chart takes, and how it answers those that it does not."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.chart.helm import CHART, HelmError, template

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"replica": 3}, "additional properties 'replica' not allowed"),
    ({"image": {"tga": "dev"}}, "at '/image': additional properties 'tga' not allowed"),
    ({"image": {"tag": 1.1}}, "at '/image/tag': got number, want string"),
    ({"image": {"pullPolicy": "Sometimes"}}, "at '/image/pullPolicy': value must be one of 'Always'"),
    ({"replicas": "two"}, "at '/replicas': got string, want integer"),
    ({"replicas": -1}, "at '/replicas': minimum: got -1, want 0"),
    ({"serving": {"image": ""}}, "at '/serving/image': minLength"),
    ({"watchNamespaces": "team-a"}, "at '/watchNamespaces': got string, want array"),
    ({"watchNamespaces": ["Team_A"]}, "at '/watchNamespaces/0': 'Team_A' does not match pattern"),
    ({"watchNamespaces": ["a", "a"]}, "at '/watchNamespaces': items at 0 and 1 are equal"),
    ({"autoscaling": {"provider": "adapter"}}, "value must be one of 'builtin', 'keda', 'external'"),
    (
        {"autoscaling": {"keda": {"serverAddress": "prometheus:9090"}}},
        "'prometheus:9090' does not match pattern",
    ),
    (
        {"autoscaling": {"provider": "keda"}},
        "set autoscaling.keda.serverAddress to the URL of the Prometheus",
    ),
    (
        {"metricsApi": {"certManager": {"issuerRef": {"kind": "ClusterIssuer"}}}},
        "at '/metricsApi/certManager/issuerRef': properties 'name' required, if 'kind' exists",
    ),
    ({"crds": {"install": "yes"}}, "at '/crds/install': got string, want boolean"),
    ({"rbac": {"create": False}}, "at '/rbac': additional properties 'create' not allowed"),
    ({"networkPolicy": {"apiServerPorts": [0]}}, "at '/networkPolicy/apiServerPorts/0': minimum"),
    ({"serviceMonitor": {"interval": "15"}}, "at '/serviceMonitor/interval': '15' does not match pattern"),
    ({"serviceMonitor": {"labels": {"a": 1}}}, "at '/serviceMonitor/labels/a': got number, want string"),
    (
        {"modelUpdates": {"mode": "Now"}},
        "at '/modelUpdates/mode': value must be one of 'Queue', 'OnSpecChange'",
    ),
    ({"modelUpdates": {"atOnce": 0}}, "at '/modelUpdates/atOnce': minimum: got 0, want 1"),
    ({"logLevel": "loud"}, "at '/logLevel': value must be one of 'debug', 'info', 'warning', 'error'"),
    ({"resources": {"cpu": "1"}}, "at '/resources': additional properties 'cpu' not allowed"),
    ({"imagePullSecrets": ["registry"]}, "at '/imagePullSecrets/0': got string, want object"),
]


def leaves(values: dict[str, Any], schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Dotted paths of the values that a person sets, as far down as the schema names them."""
    for key, value in values.items():
        below = schema.get("properties", {}).get(key, {})
        if isinstance(value, dict) and value and "properties" in below:
            yield from leaves(value, below, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def schema_leaves(schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, below in schema.get("properties", {}).items():
        if "properties" in below:
            yield from schema_leaves(below, f"{prefix}{key}.")
        elif f"{prefix}{key}" != "global":
            yield f"{prefix}{key}"


def documented() -> dict[str, Any]:
    """The table of the chart's README: dotted path to default."""
    text = (CHART / "README.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \| `([^|]*)` \|", text, re.MULTILINE)
    return {path: yaml.safe_load(default) for path, default in rows}


def default(path: str) -> Any:
    value: Any = VALUES
    for key in path.split("."):
        value = value[key]
    return value


@pytest.mark.parametrize(("values", "message"), REFUSED, ids=[str(values) for values, _ in REFUSED])
def test_value_out_of_the_schema_is_refused_by_its_path(values: dict[str, Any], message: str) -> None:
    with pytest.raises(HelmError) as refused:
        template(values)
    assert message in str(refused.value)


def test_chart_may_be_another_charts_dependency() -> None:
    assert template({"global": {"imageRegistry": "registry.example"}})


def test_schema_knows_every_value() -> None:
    assert set(schema_leaves(SCHEMA)) == set(leaves(VALUES, SCHEMA))


def test_readme_lists_every_value_with_its_default() -> None:
    table = documented()
    assert list(table) == list(leaves(VALUES, SCHEMA))
    assert table == {path: default(path) for path in table}


def test_every_value_is_used_by_a_template() -> None:
    templates = "".join(
        path.read_text() for path in (CHART / "templates").rglob("*") if path.is_file()
    )  # fmt: skip
    unused = [path for path in leaves(VALUES, SCHEMA) if f".Values.{path}" not in templates]
    # Passed on whole, by their parent.
    assert [path for path in unused if not path.startswith("resources.")] == []
