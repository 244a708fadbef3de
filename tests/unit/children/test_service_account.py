"""The ServiceAccount of the pods."""

from dataclasses import replace

import pytest

from sirocco_operator.children.build import build_children
from sirocco_operator.children.revision import Rollout, build_revision
from sirocco_operator.kube.kinds import CHILD_KINDS
from tests.unit.children.rendering import SETTINGS, a_model, children, pod

pytestmark = pytest.mark.unit


def test_pods_run_as_an_account_of_their_own_without_a_token() -> None:
    account = children(a_model())["ServiceAccount"]
    assert account["automountServiceAccountToken"] is False
    assert pod()["serviceAccountName"] == account["metadata"]["name"] == "mistral"
    assert pod()["automountServiceAccountToken"] is False


def test_a_users_account_takes_the_place_of_ours() -> None:
    assert "ServiceAccount" not in children(a_model(serviceAccountName="team"))
    assert pod(serviceAccountName="team")["serviceAccountName"] == "team"
    assert pod(serviceAccountName="team")["automountServiceAccountToken"] is False


def test_our_account_stays_while_pods_that_served_may_be_made_again() -> None:
    before, after = (
        build_revision(a_model(**spec), SETTINGS) for spec in ({}, {"serviceAccountName": "team"})
    )
    served, tried = replace(before, number=1, served=True), replace(after, number=2)

    def has_account(rollout: Rollout) -> bool:
        built = build_children(a_model(serviceAccountName="team"), SETTINGS, CHILD_KINDS, rollout)
        return any(child["kind"] == "ServiceAccount" for child in built)

    assert has_account(Rollout(tried, (tried, served)))
    assert has_account(Rollout(served, (served, tried), taken_back="EngineCrashed"))
    succeeded = replace(tried, served=True)
    assert not has_account(Rollout(succeeded, (succeeded, served)))
