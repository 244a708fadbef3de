"""How rules and dashboards are delivered."""

import json

import pytest

from tests.chart.helm import (
    CHART,
    PROMETHEUS_RULE_API,
    SERVICE_MONITOR_API,
    HelmError,
    Manifest,
    find,
    names,
    render,
    template,
)

APIS = (PROMETHEUS_RULE_API, SERVICE_MONITOR_API)


def expressions(objectives: Manifest) -> str:
    """All expressions of the models' rules."""
    rendered = render({"prometheusRule": {"objectives": objectives}}, apis=APIS)
    groups = find(rendered, "PrometheusRule", "sirocco-models")["spec"]["groups"]
    return "\n".join(rule["expr"] for group in groups for rule in group["rules"])


def test_rules_come_with_their_api() -> None:
    given = {"prometheusRule": {"labels": {"release": "prometheus"}}}
    assert "PrometheusRule/sirocco-models" not in names(render(given))
    for name in ("sirocco-models", "sirocco-operator"):
        rule = find(render(given, apis=APIS), "PrometheusRule", name)
        assert rule["metadata"]["labels"]["release"] == "prometheus"
        assert rule["metadata"]["namespace"] == "sirocco-system"
        assert rule["spec"]["groups"]


def test_rules_can_be_left_out() -> None:
    assert not [
        name
        for name in names(render({"prometheusRule": {"enabled": False}}, apis=APIS))
        if name.startswith("PrometheusRule/")
    ]


def test_every_word_in_the_rules_is_filled_in() -> None:
    for one in render(apis=APIS):
        if one["kind"] == "PrometheusRule":
            assert "@" not in json.dumps(one)


def test_objectives_are_in_the_rules_as_histograms_write_them() -> None:
    found = expressions(
        {
            "timeToFirstTokenSeconds": 5,
            "timePerOutputTokenSeconds": 0.25 - 0.1,
            "slowShare": 0.02,
            "errorShare": 0.001,
            "queueWaitSeconds": 7,
        }
    )
    assert 'time_to_first_token_seconds_bucket{model!="",le="5.0"}' in found
    assert 'time_per_output_token_seconds_bucket{model!="",le="0.15"}' in found
    assert "first_token_slow:ratio_rate1h > 14.4 * 0.02" in found
    assert "errors:ratio_rate6h > 6 * 0.001" in found
    assert "p95_5m > 7" in found


def test_runbooks_may_be_hosted_elsewhere() -> None:
    given = {"prometheusRule": {"runbooks": "https://wiki.example/sirocco"}}
    groups = find(render(given, apis=APIS), "PrometheusRule", "sirocco-operator")["spec"]["groups"]
    pages = [rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"]]
    assert pages[0] == "https://wiki.example/sirocco#siroccooperatornoleader"


def test_objective_between_a_histograms_bounds_is_refused() -> None:
    with pytest.raises(HelmError, match="timeToFirstTokenSeconds"):
        template({"prometheusRule": {"objectives": {"timeToFirstTokenSeconds": 3}}})


def test_share_that_no_burn_rate_can_reach_is_refused() -> None:
    with pytest.raises(HelmError, match="slowShare"):
        template({"prometheusRule": {"objectives": {"slowShare": 0.1}}})


def test_dashboards_are_config_maps_that_a_sidecar_finds() -> None:
    given = {"dashboards": {"namespace": "grafana", "annotations": {"grafana_folder": "Models"}}}
    for path in (CHART / "files" / "dashboards").iterdir():
        found = find(render(given, apis=APIS), "ConfigMap", f"sirocco-dashboard-{path.stem}")
        assert found["metadata"]["namespace"] == "grafana"
        assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert found["metadata"]["annotations"] == {"grafana_folder": "Models"}
        assert json.loads(found["data"][f"sirocco-{path.name}"]) == json.loads(path.read_text())


def test_dashboards_can_be_left_out() -> None:
    without = names(render({"dashboards": {"enabled": False}}, apis=APIS))
    assert not [name for name in without if "dashboard" in name]
    assert not [name for name in names(render()) if "dashboard" in name]
