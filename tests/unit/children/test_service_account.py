"""The ServiceAccount of the pods."""

import pytest

from tests.unit.children.rendering import a_model, children, pod

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
