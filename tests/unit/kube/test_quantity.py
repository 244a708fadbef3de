"""Quantities are compared by value."""

from decimal import Decimal

import pytest

from sirocco_operator.kube.quantity import canonical

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1024Mi", "1Gi"),
        ("0.5", "500m"),
        ("1500m", "1.5"),
        ("1e3", "1k"),
        ("1E3", "1000"),
        ("2.50Gi", "2560Mi"),
        ("+1", "1"),
        ("1000000n", "1m"),
        ("5u", "5000n"),
        (".5", "0.5"),
        ("1.", "1"),
        ("1E", "1000P"),
        ("1Ei", "1024Pi"),
        (4, "4"),
        (0.5, "500m"),
    ],
)
def test_spellings_of_one_amount_are_equal(one: str | float, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(("one", "other"), [("1G", "1Gi"), ("1m", "1M"), ("1", "1k"), ("-1", "1")])
def test_different_amounts_differ(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_the_amount_is_in_base_units() -> None:
    assert canonical("1Ki") == Decimal(1024)


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "1gi", "1GiB", "0x10", "one", "1\n", True, "nan"])
def test_what_is_no_quantity_is_refused_with_what_is(text: str | bool) -> None:
    with pytest.raises(ValueError, match=r"is not a quantity: write a number with at most one suffix"):
        canonical(text)
