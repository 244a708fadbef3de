"""The pages for readers point at what exists."""

import re
from pathlib import Path

import pytest
import yaml

from sirocco_operator.api.parse import parse
from tests.chart.helm import CHART
from tests.kind.paths import REPOSITORY

PAGES = [REPOSITORY / "README.md", CHART / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def targets() -> set[str]:
    """The targets of the Makefile that it lists."""
    return set(re.findall(r"^([a-z0-9-]+):.*## ", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(REPOSITORY)) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(REPOSITORY)) for page in PAGES])
def test_make_targets_exist(page: Path) -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z0-9-]+)", page.read_text(), re.MULTILINE))
    assert named - targets() == set()


def test_developers_page_names_every_target() -> None:
    text = (REPOSITORY / "docs" / "development.md").read_text()
    assert {target for target in targets() if f"`make {target}`" not in text} <= {"help", "demo"}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(REPOSITORY)) for page in PAGES])
def test_resources_shown_are_ones_that_the_api_takes(page: Path) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
        model = yaml.safe_load(block)
        if model.get("kind") == "InferenceModel":
            model["metadata"].setdefault("namespace", "default")
            assert parse(model).metadata.name == model["metadata"]["name"]
