"""The pods fulfil `restricted` Pod Security, and more."""

from typing import Any

import pytest

from tests.unit.children.rendering import download, engine, pod

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("container", [engine(), download()], ids=["engine", "download"])
def test_a_container_gains_nothing_and_writes_only_to_volumes(container: dict[str, Any]) -> None:
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


@pytest.mark.parametrize("container", [engine(), download()], ids=["engine", "download"])
def test_the_cause_of_an_end_is_in_the_pods_status(container: dict[str, Any]) -> None:
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"


def test_the_pod_is_the_images_user_and_never_root() -> None:
    assert pod()["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


@pytest.mark.parametrize(
    "spec",
    [
        {"cache": {"claimName": "weights"}},
        {"model": {"uri": "pvc://weights/mistral"}},
        {"volumes": [{"name": "own", "persistentVolumeClaim": {"claimName": "own"}}]},
    ],
    ids=["cache", "model", "own"],
)
def test_a_claim_is_given_to_the_pods_group_once(spec: dict[str, Any]) -> None:
    context = pod(**spec)["securityContext"]
    assert context["fsGroup"] > 0
    assert context["fsGroupChangePolicy"] == "OnRootMismatch"


def test_the_users_fields_win_and_the_others_stay() -> None:
    given = {"runAsUser": 1234, "fsGroup": 7, "supplementalGroups": [8], "seLinuxOptions": {"level": "s0"}}
    context = pod(podSecurityContext=given, cache={"claimName": "weights"})["securityContext"]
    assert context == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "fsGroupChangePolicy": "OnRootMismatch",
        **given,
    }


def test_the_pod_learns_nothing_of_the_cluster() -> None:
    assert pod()["enableServiceLinks"] is False
    assert pod()["automountServiceAccountToken"] is False
