"""What an answer of the API server means is read from its code, reason and causes, never from its words."""

from typing import Any

import orjson
import pytest

from sirocco_operator.controller.worker import Retry
from sirocco_operator.kube.errors import ApiError, StatusCause, api_error
from sirocco_operator.kube.kinds import CONFIG_MAP, DEPLOYMENT, SERVICE, SERVICE_MONITOR, Kind
from sirocco_operator.reconcile.refusal import Refused, Unserved, is_of_merging, refused
from sirocco_operator.status.observed import RefusalCause

pytestmark = pytest.mark.unit

# Words that a user may have written, and that an answer quotes.
WORDS = (
    "immutable webhook: may not change once set, being terminated, definition is terminating, "
    "must specify a volume type, exceeded quota"
)


def deployment(*volumes: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "mistral"}, "spec": {"template": {"spec": {"volumes": list(volumes)}}}}


def error(status: int, *causes: tuple[str, str], reason: str = "") -> ApiError:
    return ApiError(status, WORDS, reason, causes=tuple(StatusCause(*cause) for cause in causes))


def cause_of(found: Exception) -> RefusalCause:
    assert isinstance(found, Refused)
    return found.refusal.cause


@pytest.mark.parametrize("status", [400, 403, 422])
def test_words_alone_make_a_refusal_nothing_but_a_refusal(status: int) -> None:
    found = refused(error(status), DEPLOYMENT, deployment({"name": "model", "image": {"reference": "x"}}))
    assert cause_of(found) is RefusalCause.REJECTED


@pytest.mark.parametrize("status", [0, 429, 500, 503, 504])
def test_what_may_end_by_itself_is_no_refusal(status: int) -> None:
    outage = error(status)
    assert refused(outage, DEPLOYMENT, deployment()) is outage


def test_a_selector_that_cannot_change_is_told() -> None:
    found = refused(error(422, ("FieldValueInvalid", "spec.selector")), DEPLOYMENT, deployment())
    assert cause_of(found) is RefusalCause.IMMUTABLE


def test_a_selector_of_another_kind_is_no_such_thing() -> None:
    found = refused(error(422, ("FieldValueInvalid", "spec.selector")), SERVICE, deployment())
    assert cause_of(found) is RefusalCause.REJECTED


def test_a_namespace_that_goes_is_waited_for() -> None:
    going = error(403, ("NamespaceTerminating", "metadata.namespace"))
    found = refused(going, CONFIG_MAP, deployment())
    assert isinstance(found, Retry)
    assert found.after == 5


@pytest.mark.parametrize("status", [404, 405])
def test_an_optional_kind_whose_definition_goes_is_done_without(status: int) -> None:
    assert isinstance(refused(error(status), SERVICE_MONITOR, deployment()), Unserved)


@pytest.mark.parametrize("kind", [DEPLOYMENT, SERVICE], ids=lambda kind: kind.kind)
def test_a_kind_of_every_cluster_is_never_done_without(kind: Kind) -> None:
    assert not isinstance(refused(error(404), kind, deployment()), Unserved)


def test_a_conflict_is_tried_again() -> None:
    assert isinstance(refused(error(409), DEPLOYMENT, deployment()), Retry)


def test_an_image_volume_without_its_source_was_dropped() -> None:
    wanted = deployment({"name": "tmp", "emptyDir": {}}, {"name": "model", "image": {"reference": "x"}})
    dropped = error(422, ("FieldValueRequired", "spec.template.spec.volumes[1]"))
    assert cause_of(refused(dropped, DEPLOYMENT, wanted)) is RefusalCause.IMAGE_VOLUMES_UNSUPPORTED
    assert not is_of_merging(dropped, wanted)


def test_a_users_volume_without_a_source_is_the_users() -> None:
    wanted = deployment({"name": "mine"}, {"name": "model", "image": {"reference": "x"}})
    missing = error(422, ("FieldValueRequired", "spec.template.spec.volumes[0]"))
    assert cause_of(refused(missing, DEPLOYMENT, wanted)) is RefusalCause.REJECTED


@pytest.mark.parametrize(
    ("reason", "merging"),
    [("FieldValueDuplicate", True), ("FieldValueRequired", True), ("FieldValueNotSupported", False)],
)
def test_only_what_a_merge_by_keys_can_bring_about_is_overwritten(reason: str, merging: bool) -> None:
    assert is_of_merging(error(422, (reason, "spec.ports[1].name")), deployment()) is merging


def test_the_causes_are_read_from_the_answer() -> None:
    causes = [{"reason": "FieldValueInvalid", "message": "…", "field": "spec.selector"}, {"message": "…"}]
    body = {"kind": "Status", "message": "…", "reason": "Invalid", "details": {"causes": causes}}
    found = api_error(422, orjson.dumps(body), "")
    assert found.causes == (StatusCause("FieldValueInvalid", "spec.selector"), StatusCause("", ""))


@pytest.mark.parametrize("details", [None, {}, {"causes": None}, {"causes": ["?"]}, "?"])
def test_an_answer_without_causes_has_none(details: Any) -> None:
    assert api_error(500, orjson.dumps({"message": "…", "details": details}), "").causes == ()
