"""Labels and selectors."""

import pytest

from sirocco_operator.children.labels import labels, selector, selector_string

pytestmark = pytest.mark.unit


def test_the_selector_is_a_part_of_the_labels() -> None:
    assert selector("mistral").items() < labels("mistral").items()


def test_the_selector_never_changes_as_a_deployments_cannot() -> None:
    assert selector("mistral") == {
        "app.kubernetes.io/managed-by": "sirocco-operator",
        "inference.sirocco.dev/model": "mistral",
    }


def test_the_selector_is_spelled_as_kubectl_takes_it() -> None:
    expected = "app.kubernetes.io/managed-by=sirocco-operator,inference.sirocco.dev/model=mistral"
    assert selector_string("mistral") == expected
