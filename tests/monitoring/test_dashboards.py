"""The dashboards are the generated ones, and a person can find their way in them."""

import re
from pathlib import Path

import pytest
import yaml

from charts.generate.dashboards import DASHBOARDS, text
from tests.monitoring.dashboards import FOLDER, NAMES, dashboard, panels, queries
from tests.monitoring.rules import promtool

FILLED = {"namespace": "team", "model": "mistral", "job": "sirocco-operator", "__rate_interval": "1m"}


def test_there_is_one_file_for_each_dashboard() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == [f"{name}.json" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_committed_file_is_the_generated_one(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text() == text(DASHBOARDS[name]()), "run `make generate`"


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_has_a_unit_and_says_what_to_do(name: str) -> None:
    for panel in panels(name):
        assert panel["description"].endswith("."), panel["title"]
        units = [panel["fieldConfig"]["defaults"].get("unit")]
        units += [
            change["value"]
            for override in panel["fieldConfig"]["overrides"]
            for change in override["properties"]
            if change["id"] == "unit"
        ]
        assert any(units), panel["title"]


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_asks_the_chosen_data_source(name: str) -> None:
    for panel in panels(name):
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}


@pytest.mark.parametrize("name", NAMES)
def test_lines_that_a_legend_has_to_tell_apart_are_named(name: str) -> None:
    for panel in panels(name):
        legends = [target.get("legendFormat") for target in panel["targets"]]
        if panel["type"] == "timeseries":
            assert all(legends), panel["title"]
            assert len(set(legends)) == len(legends), panel["title"]


@pytest.mark.parametrize("name", NAMES)
def test_a_single_number_is_that_of_now(name: str) -> None:
    for panel in panels(name):
        if panel["type"] == "stat":
            kinds = {(target.get("instant"), target.get("range")) for target in panel["targets"]}
            assert kinds == {(True, False)}, panel["title"]


@pytest.mark.parametrize("name", NAMES)
def test_dashboards_lead_to_one_another(name: str) -> None:
    links = dashboard(name)["links"]
    assert [(link["title"], link["url"]) for link in links] == [
        (title, f"/d/sirocco-{title.lower()}?var-datasource=${{datasource}}")
        for title in ("Fleet", "Model", "Operator")
    ]
    # `namespace` is the models' in one and the operator's in another.
    assert not any(link["includeVars"] for link in links)
    assert not any("placement" in link for link in links), "out of sight, in a menu"


def test_rows_lead_to_their_model_by_columns_that_there_are() -> None:
    for panel in panels("fleet"):
        if panel["type"] == "table":
            (shown,) = [one["options"] for one in panel["transformations"] if one["id"] == "organize"]
            links = [
                link["url"]
                for override in panel["fieldConfig"]["overrides"]
                for change in override["properties"]
                if change["id"] == "links"
                for link in change["value"]
            ]
            fields = [field for link in links for field in re.findall(r"__data\.fields\.(\w+)", link)]
            assert fields == ["Namespace", "Model"], panel["title"]
            assert set(fields) <= set(shown["renameByName"].values()), panel["title"]


@pytest.mark.parametrize("name", NAMES)
def test_panels_fill_the_grid_without_overlap(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard(name)["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len(taken) == 24 * (max(y for _, y in taken) + 1)


@pytest.mark.parametrize("name", NAMES)
def test_variables_are_declared(name: str) -> None:
    declared = {variable["name"] for variable in dashboard(name)["templating"]["list"]}
    left = [query for query in queries(name) if "$" in query.filled(FILLED)]
    assert left == []
    used = {variable for variable in FILLED for query in queries(name) if f"${variable}" in query.expr}
    assert used - {"__rate_interval"} == declared - {"datasource"}


@pytest.mark.parametrize("name", NAMES)
def test_every_query_is_one_that_prometheus_reads(name: str, tmp_path: Path) -> None:
    found = [query.filled(FILLED) for query in queries(name)]
    rules = [{"record": f"query_{number}", "expr": expr} for number, expr in enumerate(found)]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    assert promtool("check", "rules", path) == ""
