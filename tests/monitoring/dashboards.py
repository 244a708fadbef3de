"""The committed dashboards, as far as tests look into them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.chart.helm import CHART

FOLDER: Final = CHART / "files" / "dashboards"
NAMES: Final = ("fleet", "model", "operator")


@dataclass(frozen=True)
class PanelQuery:
    """One query of a panel; `panel` is the dashboard's and the panel's title."""

    panel: str
    expr: str

    def filled(self, variables: Mapping[str, str]) -> str:
        """The expression as Grafana sends it, with these values of the dashboard's variables."""
        text = self.expr
        for name, value in variables.items():
            text = text.replace(f"${name}", value)
        return text


def dashboard(name: str) -> dict[str, Any]:
    """A dashboard's JSON."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def panels(name: str) -> list[dict[str, Any]]:
    """Its panels, without the rows' titles."""
    return [panel for panel in dashboard(name)["panels"] if panel["type"] != "row"]


def queries(name: str) -> list[PanelQuery]:
    """Every query of its panels."""
    title = dashboard(name)["title"]
    return [
        PanelQuery(f"{title}: {panel['title']}", target["expr"])
        for panel in panels(name)
        for target in panel["targets"]
    ]
