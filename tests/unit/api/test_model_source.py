"""The sources that `model.uri` names."""

import pytest

from sirocco_operator.api.model_source import ClaimSource, HubSource, ImageSource, parse_uri

pytestmark = pytest.mark.unit


def test_a_repository_without_revision_is_its_main_branch() -> None:
    assert parse_uri("hf://org/name", None) == HubSource("org/name", "main")


def test_a_repository_keeps_its_revision() -> None:
    assert parse_uri("hf://org/name", "v1") == HubSource("org/name", "v1")


def test_a_claim_has_a_path_in_it() -> None:
    assert parse_uri("pvc://claim/a/b", None) == ClaimSource("claim", "a/b")


def test_a_claim_alone_is_its_root() -> None:
    assert parse_uri("pvc://claim", None) == ClaimSource("claim", "")


def test_an_image_is_its_reference() -> None:
    assert parse_uri("oci://registry:5000/a/b:1", None) == ImageSource("registry:5000/a/b:1")


def test_an_unknown_scheme_is_answered_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"hf://, pvc:// or oci://"):
        parse_uri("s3://bucket/prefix", None)


def test_a_newline_does_not_slip_through_the_patterns() -> None:
    with pytest.raises(ValueError, match="hf://org/name"):
        parse_uri("hf://org/name\n", None)
