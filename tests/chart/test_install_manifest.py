"""manifests/install.yaml is the chart for people without Helm."""

from tests.chart.helm import names, read, render
from tests.chart.install_manifest import PATH, install_manifest


def test_file_is_what_the_chart_renders() -> None:
    assert PATH.read_text() == install_manifest(), "run `make generate`"


def test_namespace_comes_first_and_nothing_is_missing_but_hooks() -> None:
    objects = names(read(install_manifest()))
    rendered = [name for name in names(render()) if name != "Pod/sirocco-operator-ready"]
    assert objects == ["Namespace/sirocco-system", *rendered]


def test_nothing_in_it_speaks_of_helm() -> None:
    text = install_manifest().split("---", 1)[1]
    assert "helm" not in text.lower()
