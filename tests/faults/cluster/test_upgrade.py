"""The release before is upgraded to this one under load, and rolled back."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.e2e import leader, models, release
from tests.e2e.client import Client
from tests.e2e.kubectl import Kubectl, Object
from tests.e2e.release import Release
from tests.e2e.replicas import pod_uids
from tests.e2e.scaling import TOKEN_SECONDS, autoscaling
from tests.faults.cluster import release_before
from tests.faults.cluster.told import conditions
from tests.faults.record import Record
from tests.waiting import eventually

PAIR: Final = "pair"
REPLICAS: Final[dict[str, int]] = {PAIR: 2, "plain": 1, "scaled": 1}
CRD: Final = "inferencemodels.inference.sirocco.dev"
EACH: Final = 15


def model(name: str, **spec: Any) -> models.Manifest:
    """A model that leaves its image to the operator."""
    resources = {"requests": {"cpu": "20m", "memory": "64Mi"}}
    return models.inference_model(
        name, device="cpu", engine={"env": [TOKEN_SECONDS]}, resources=resources, **spec
    )


@pytest.fixture(scope="module")
def before(operator: Kubectl, kubectl: Kubectl) -> Iterator[Release]:
    """The release before with its CRD, and three models that it has rolled out."""
    installed = Release()
    with release_before.source() as folder:
        release_before.load_images(folder)
        installed.uninstall()
        try:
            release_before.install(folder)
            assert "startup" not in known_fields(operator), "the CRD is this release's"
            kubectl.apply(model(PAIR, replicas=2), model("plain"), model("scaled", autoscaling=autoscaling()))
            for name in REPLICAS:
                until_ready(kubectl, name)
            assert not kubectl.list("controllerrevisions")
            yield installed
            kubectl.delete("imodel", *REPLICAS)
            kubectl.until_gone("pod", selector=models.OURS)
        finally:
            installed.install()
            release.renew_stale_pods()


def known_fields(operator: Kubectl) -> set[str]:
    """The fields of a model's spec that the cluster's CRD has."""
    crd = operator.get("crd", CRD)
    assert crd
    (version,) = crd["spec"]["versions"]
    return set(version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"])


def until_ready(kubectl: Kubectl, name: str) -> None:
    """Wait until as many pods as are wanted, and no others, are there and serve."""

    def is_ready(one: Object) -> bool:
        return models.reason(one) == "Ready" and one["status"].get("readyReplicas") == REPLICAS[name]

    kubectl.until("imodel", name, is_ready, "ready", 420)
    eventually(lambda: len(pod_uids(kubectl, name)) == REPLICAS[name], 300, f"the pods of {name}", interval=1)


def all_pods(kubectl: Kubectl) -> dict[str, set[str]]:
    """The identities of each model's pods."""
    return {name: pod_uids(kubectl, name) for name in REPLICAS}


def until_told(operator: Kubectl, kubectl: Kubectl, others: set[str]) -> dict[str, str]:
    """Wait until a leader that is none of the others has looked at every model; returns their reasons."""

    def reasons() -> dict[str, str]:
        new = leader.name(operator)
        assert new not in {"", *others}, f"the leader is {new or 'nobody'}"
        measured = leader.metrics(operator, new)
        assert measured["sirocco_operator_queue_depth"] == 0
        assert measured["sirocco_operator_objects"] == len(operator.list_everywhere("imodel"))
        found = {one["metadata"]["name"]: one for one in kubectl.list("imodel")}
        assert all("Stalled" in conditions(one) for one in found.values())
        return {name: str(one["status"]["reason"]) for name, one in found.items()}

    return eventually(reasons, 180, "the new operator to tell of every model", interval=1)


def test_an_upgrade_moves_nobody_whose_pods_stay_as_they_are(
    before: Release, operator: Kubectl, kubectl: Kubectl, client: Client, record: Record
) -> None:
    pods, operators = all_pods(kubectl), set(leader.pods(operator))
    with client.load(PAIR) as load:
        before.install({**release.VALUES, "serving": {"cpuImage": release_before.SERVING_IMAGE}})
        reasons = until_told(operator, kubectl, operators)
    load.assert_no_request_failed(EACH)
    assert reasons == dict.fromkeys(REPLICAS, "Ready")
    assert all_pods(kubectl) == pods
    for name in REPLICAS:
        (first,) = kubectl.list("controllerrevisions", models.of(name))
        assert first["revision"] == 1
    answered = sum(load.answered.values())
    record(f"chart, CRD and operator: no pod restarted, each adopted as revision 1, 0 of {answered} failed")


def test_models_take_another_image_one_after_the_other(
    before: Release, operator: Kubectl, kubectl: Kubectl, client: Client, record: Record
) -> None:
    pods, operators = all_pods(kubectl), set(leader.pods(operator))
    with client.load(PAIR) as load, kubectl.watch("inferencemodels") as watch:
        before.install({**release.VALUES, "serving": {"cpuImage": models.STANDIN_IMAGE}})
        until_told(operator, kubectl, operators)
        for name in REPLICAS:
            until_moved(kubectl, name, models.STANDIN_IMAGE)
    load.assert_no_request_failed(EACH)
    assert "UpdatePending" in {one.get("status", {}).get("reason") for one in watch.history}
    moves = [move(kubectl, name) for name in REPLICAS]
    assert moves == sorted(moves), moves
    ends = [end for _, end in moves]
    assert all(began >= end for (began, _), end in zip(moves[1:], ends, strict=False)), moves
    assert all(not pods[name] & pod_uids(kubectl, name) for name in REPLICAS)
    answered = sum(load.answered.values())
    record(f"`UpdatePending`, then each after the one before served: {moves}; 0 of {answered} failed")


def until_moved(kubectl: Kubectl, name: str, image: str) -> None:
    """Wait until the model's pods have this image alone, and serve as they should."""
    wanted = {image}
    eventually(lambda: images(kubectl, name) == wanted, 300, f"{name} to have {image}", interval=1)
    until_ready(kubectl, name)


def images(kubectl: Kubectl, name: str) -> set[str]:
    """The images of the model's engines."""
    return {pod["spec"]["containers"][0]["image"] for pod in kubectl.list("pods", models.of(name))}


def move(kubectl: Kubectl, name: str) -> tuple[str, str]:
    """When the first of a model's present pods was made, and when the last of them was ready."""
    found = kubectl.list("pods", models.of(name))
    ready = [one for pod in found for one in pod["status"]["conditions"] if one["type"] == "Ready"]
    made = min(str(pod["metadata"]["creationTimestamp"]) for pod in found)
    return made, max(str(one["lastTransitionTime"]) for one in ready)


def test_a_rollback_brings_the_release_before_back(
    before: Release, operator: Kubectl, kubectl: Kubectl, client: Client, record: Record
) -> None:
    pods = all_pods(kubectl)
    with client.load(PAIR) as load:
        before.run("rollback", release.NAME, "1", "--wait", "--timeout", "6m")
        for name in REPLICAS:
            until_moved(kubectl, name, release_before.SERVING_IMAGE)
    load.assert_no_request_failed(EACH)
    for name in REPLICAS:
        assert kubectl.list("controllerrevisions", models.of(name)), "they do no harm, and stay"
    assert all(not pods[name] & pod_uids(kubectl, name) for name in REPLICAS)
    moves = [move(kubectl, name) for name in REPLICAS]
    answered = sum(load.answered.values())
    record(f"all models at the same time: {moves}; all Ready with the old operator, 0 of {answered} failed")


def test_a_release_that_was_rolled_back_is_upgraded_again(
    before: Release, operator: Kubectl, kubectl: Kubectl, client: Client, record: Record
) -> None:
    pods, operators = all_pods(kubectl), set(leader.pods(operator))
    with client.load(PAIR) as load:
        before.install({**release.VALUES, "serving": {"cpuImage": release_before.SERVING_IMAGE}})
        reasons = until_told(operator, kubectl, operators)
    load.assert_no_request_failed(EACH)
    assert reasons == dict.fromkeys(REPLICAS, "Ready")
    assert all_pods(kubectl) == pods
    record(f"no pod restarted, 0 of {sum(load.answered.values())} failed")
