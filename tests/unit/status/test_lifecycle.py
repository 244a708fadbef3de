"""The states of a model without a problem."""

import pytest

from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import Observed
from tests.unit.status import cluster


def test_no_pods_yet_is_starting() -> None:
    model = cluster.model({"replicas": 2})

    assert cluster.reason_and_message(model) == ("Starting", "0 of 2 pods are created")


def test_every_wanted_pod_serving_is_ready() -> None:
    model = cluster.model({"replicas": 2})

    assert cluster.reason_and_message(model, cluster.ready(model, "a"), cluster.ready(model, "b")) == (
        "Ready",
        "2 of 2 replicas serve",
    )


def test_a_surplus_pod_on_its_way_out_is_not_counted() -> None:
    model = cluster.model()

    reported = cluster.reason_and_message(model, cluster.ready(model, "a"), cluster.ready(model, "b"))

    assert reported == ("Ready", "1 of 1 replicas serve")


UNSEEN = cluster.deployment(seen=False)


@pytest.mark.parametrize("change", ["another revision", "a scale-up", "a scale-down"])
def test_a_change_that_the_deployments_controller_has_not_seen_is_updating(change: str) -> None:
    model = cluster.model({"replicas": 2})
    before = {
        "another revision": [cluster.ready(model, suffix, cluster.OLD) for suffix in "ab"],
        "a scale-up": [cluster.ready(model)],
        "a scale-down": [cluster.ready(model, suffix) for suffix in "abc"],
    }[change]

    assert cluster.reason_and_message(model, *before, deployment=UNSEEN) == (
        "Updating",
        "the Deployment's controller has not acted on the last change yet",
    )


def test_a_change_that_leaves_the_pods_as_they_are_changes_no_reason() -> None:
    model = cluster.model()
    loading = cluster.running(cluster.pod(model), "vllm")

    assert cluster.reason_and_message(model, cluster.ready(model), deployment=UNSEEN)[0] == "Ready"
    assert cluster.reason_and_message(model, loading, deployment=UNSEEN)[0] == "Loading"


def test_a_model_stays_ready_while_its_autoscaler_changes_the_replicas() -> None:
    model = cluster.model({"autoscaling": {"minReplicas": 1, "maxReplicas": 4}})
    state = ModelState(
        model, Observed(cluster.deployment(seen=False), [cluster.ready(model, each) for each in "ab"])
    )

    assert state.is_as_asked


def test_the_pods_of_before_a_change_are_not_blamed_for_it() -> None:
    model = cluster.model()
    crashed = cluster.crashed(cluster.pod(model, revision=cluster.OLD), "error: unrecognized arguments: --x")
    denied = cluster.deployment(failure='pods "mistral-x" is forbidden: denied by policy', seen=False)

    assert cluster.reason_and_message(model, crashed, deployment=denied)[0] == "Updating"


def test_a_new_deployment_that_its_controller_has_not_seen_is_starting() -> None:
    new = {"metadata": {"name": "mistral", "generation": 1}}

    assert cluster.reason_and_message(cluster.model(), deployment=new)[0] == "Starting"


def test_surplus_pods_of_a_scale_down_are_not_told_as_created() -> None:
    model = cluster.model({"replicas": 2})
    pods = [cluster.pod(model, suffix) for suffix in "abc"]

    assert cluster.reason_and_message(model, *pods) == ("Starting", "2 of 2 pods are created")


def test_a_running_engine_that_does_not_answer_is_loading() -> None:
    model = cluster.model()

    assert cluster.reason_and_message(model, cluster.running(cluster.pod(model), "vllm")) == (
        "Loading",
        "the engine loads hf://mistralai/Mistral-7B, 0 of 1 replicas serve",
    )


def test_one_more_replica_that_loads_is_reported_while_the_others_serve() -> None:
    model = cluster.model({"replicas": 2})
    loading = cluster.running(cluster.pod(model, "b"), "vllm")

    assert cluster.reason_and_message(model, cluster.ready(model, "a"), loading) == (
        "Loading",
        "the engine loads hf://mistralai/Mistral-7B, 1 of 2 replicas serve",
    )


def test_a_pull_that_has_begun_is_reported() -> None:
    model = cluster.model()
    pod = cluster.waiting(cluster.pod(model), "vllm", "ContainerCreating")
    pulling = cluster.event(pod, "Pulling", 'Pulling image "sirocco/serving:0.1.0"')

    assert cluster.reason_and_message(model, pod, events=[pulling]) == (
        "PullingImage",
        'the node pulls image "sirocco/serving:0.1.0"',
    )


def test_a_pull_that_has_ended_is_not_reported() -> None:
    model = cluster.model()
    pod = cluster.waiting(cluster.pod(model), "vllm", "PodInitializing")
    events = [cluster.event(pod, "Pulling", "Pulling image"), cluster.event(pod, "Pulled", "Pulled image")]

    assert cluster.reason_and_message(model, pod, events=events)[0] == "Starting"


def test_zero_replicas_without_pods_is_stopped() -> None:
    assert cluster.reason_and_message(cluster.model({"replicas": 0}))[0] == "Stopped"


def test_zero_replicas_with_pods_left_is_stopping() -> None:
    model = cluster.model({"replicas": 0})

    assert cluster.reason_and_message(model, cluster.terminating(cluster.ready(model))) == (
        "Stopping",
        "replicas is 0, 1 pod finishes the requests in flight",
    )


def test_a_pod_that_is_going_does_not_count_as_serving() -> None:
    model = cluster.model({"replicas": 2})

    reason, _ = cluster.reason_and_message(
        model, cluster.ready(model, "a"), cluster.terminating(cluster.ready(model, "b"))
    )

    assert reason == "Starting"
