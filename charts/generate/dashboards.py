"""Writes the Grafana dashboards of the chart. Run as `python -m charts.generate.dashboards`."""

import json
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from charts.generate import fleet, model, operator

FOLDER: Final = Path(__file__).resolve().parents[1] / "sirocco" / "files" / "dashboards"
DASHBOARDS: Final = {"fleet": fleet.build, "model": model.build, "operator": operator.build}
LINKS: Final = {"Fleet": fleet.UID, "Model": model.UID, "Operator": operator.UID}


def text(dashboard: builders.Dashboard) -> str:
    """The dashboard as Grafana imports it."""
    for title, uid in LINKS.items():
        dashboard.link(_link(title, uid))
    built = dashboard.readonly().tooltip(models.DashboardCursorSync.CROSSHAIR).build()
    panels = [panel for panel in built.panels or () if isinstance(panel, models.Panel | models.RowPanel)]
    for number, panel in enumerate(panels, 1):
        panel.id_val = number
    plain: dict[str, Any] = json.loads(JSONEncoder().encode(built))
    for link in plain["links"]:
        # The builders know one place alone, a menu; without any the links stand above the panels.
        del link["placement"]
    return json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _link(title: str, uid: str) -> builders.DashboardLink:
    """A link without `namespace`: it is the models' in one dashboard, the operator's in another."""
    return (
        builders.DashboardLink(title)
        .type(models.DashboardLinkType.LINK)
        .icon("dashboard")
        .url(f"/d/{uid}?var-datasource=${{datasource}}")
        .keep_time(True)
    )


def main() -> None:
    """Write every dashboard."""
    FOLDER.mkdir(exist_ok=True)
    for name, build in DASHBOARDS.items():
        (FOLDER / f"{name}.json").write_text(text(build()))


if __name__ == "__main__":
    main()
