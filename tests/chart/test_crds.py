"""The CRD travels with the chart."""

import yaml

from tests.chart.helm import CHART, find, names, render, template
from tests.kind.paths import REPOSITORY

CRD = "inferencemodels.inference.sirocco.dev"
FILE = REPOSITORY / "crds" / "inferencemodels.yaml"


def test_charts_copy_is_the_generated_crd() -> None:
    copy = CHART / "files" / "crds" / FILE.name
    assert copy.read_text() == FILE.read_text(), "run `make generate`"


def test_crd_is_installed_unchanged_and_kept() -> None:
    rendered = find(render(), "CustomResourceDefinition", CRD)
    assert rendered["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert rendered == yaml.safe_load(FILE.read_text())


def test_large_limits_stay_integers() -> None:
    assert "maximum: 10000000\n" in template()


def test_crd_can_be_left_out() -> None:
    assert f"CustomResourceDefinition/{CRD}" not in names(render({"crds": {"install": False}}))
