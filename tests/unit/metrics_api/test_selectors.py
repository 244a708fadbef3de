"""Label selectors match as in the API server."""

import pytest

from sirocco_operator.metrics_api.selectors import SelectorError, matches, only_value, parse

LABELS = {"app": "vllm", "inference.sirocco.dev/model": "mistral", "empty": ""}


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        ("", True),
        ("app=vllm", True),
        ("app==vllm", True),
        ("app=other", False),
        ("app = vllm , empty=", True),
        ("app!=vllm", False),
        ("app!=other", True),
        ("missing!=x", True),
        ("app in (a, vllm)", True),
        ("app in (a,b)", False),
        ("app notin (a,b)", True),
        ("missing notin (a)", True),
        ("app notin (vllm)", False),
        ("app", True),
        ("missing", False),
        ("!missing", True),
        ("!app", False),
        ("inference.sirocco.dev/model=mistral,app in (vllm,x),!gone", True),
        ("inference.sirocco.dev/model=mistral,app in (y,x)", False),
    ],
)
def test_a_selector_chooses(selector: str, chosen: bool) -> None:
    assert matches(parse(selector), LABELS) is chosen


@pytest.mark.parametrize("selector", ["a=b=c", "a in b", "a,,b", "a in (b", "a>1", "=a", "a," * 2000 + "a"])
def test_a_selector_that_cannot_be_read_is_refused(selector: str) -> None:
    with pytest.raises(SelectorError, match="label selector"):
        parse(selector)


def test_the_one_value_that_a_label_must_have() -> None:
    assert only_value(parse("a=1,b in (2)"), "b") == "2"
    assert only_value(parse("a=1,b in (2,3)"), "b") is None
    assert only_value(parse("a!=1"), "a") is None
    assert only_value(parse("b=1"), "a") is None
