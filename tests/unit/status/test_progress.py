"""When a model that is not as its spec asks is on its way, and when it is stuck."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from sirocco_operator.status.compute import compute
from sirocco_operator.status.observed import Download, Observed
from sirocco_operator.status.progress import seconds_until_stalled
from tests.unit.status import cluster

STARTUP_BUDGET = cluster.model().spec.startup.budget_seconds
SHORT_OF_GPUS = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
POD = "mistral-7f99ff5f67-x2k4p"


def after(seconds: float) -> str:
    moment = datetime.fromisoformat(cluster.NOW) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def course(status: dict[str, Any]) -> tuple[str, str]:
    """The one of Ready, Reconciling and Stalled that is True, and the reason."""
    (holds,) = (
        each["type"]
        for each in status["conditions"]
        if each["type"] in ("Ready", "Reconciling", "Stalled") and each["status"] == "True"
    )
    return holds, status["reason"]


def waiting_for_gpu() -> Observed:
    model = cluster.model()
    return Observed(
        cluster.deployment(), [cluster.unscheduled(model, SHORT_OF_GPUS)], nodes=[cluster.node("a", 1)]
    )


def downloading(done: int) -> Observed:
    pod = cluster.running(cluster.pod(cluster.model()), "download")
    return Observed(cluster.deployment(), [pod], downloads={POD: Download(done, 20 * 10**9)})


def download_failed(code: str) -> Observed:
    pod = cluster.crashed(cluster.pod(cluster.model()), f"sirocco download: {code}: a sentence", "download")
    return Observed(cluster.deployment(), [pod])


def crashed(log: str, restarts: int = 1) -> Observed:
    pod = cluster.crashed(cluster.pod(cluster.model()), log)
    pod["status"]["containerStatuses"][0]["restartCount"] = restarts
    return Observed(cluster.deployment(), [pod])


def test_what_may_end_by_itself_is_stalled_once_the_startup_budget_is_used_up() -> None:
    model = cluster.model()
    first = compute(model, waiting_for_gpu(), {}, cluster.NOW)

    before = compute(model, waiting_for_gpu(), first, after(STARTUP_BUDGET - 1))
    then = compute(model, waiting_for_gpu(), first, after(STARTUP_BUDGET))

    assert course(first) == course(before) == ("Reconciling", "WaitingForGPU")
    assert course(then) == ("Stalled", "WaitingForGPU")


def test_a_models_own_startup_budget_is_the_one_that_counts() -> None:
    model = cluster.model({"startup": {"budgetSeconds": 60}})
    first = compute(model, waiting_for_gpu(), {}, cluster.NOW)

    assert course(compute(model, waiting_for_gpu(), first, after(59)))[0] == "Reconciling"
    assert course(compute(model, waiting_for_gpu(), first, after(60)))[0] == "Stalled"


def test_a_wait_is_written_once_and_its_end_is_asked_for() -> None:
    model = cluster.model()
    first = compute(model, waiting_for_gpu(), {}, cluster.NOW)

    assert compute(model, waiting_for_gpu(), first, after(600)) == first
    assert seconds_until_stalled(first, cluster.NOW, STARTUP_BUDGET) == STARTUP_BUDGET
    assert seconds_until_stalled(first, after(600), STARTUP_BUDGET) == STARTUP_BUDGET - 600
    assert seconds_until_stalled(first, after(STARTUP_BUDGET), STARTUP_BUDGET) is None


def test_a_model_that_is_as_asked_has_no_budget() -> None:
    model = cluster.model()
    status = compute(model, Observed(cluster.deployment(), [cluster.ready(model)]), {}, cluster.NOW)

    assert seconds_until_stalled(status, cluster.NOW, STARTUP_BUDGET) is None
    assert "lastProgressTime" not in status


def test_a_new_spec_has_the_whole_budget_again() -> None:
    model = cluster.model()
    first = compute(model, waiting_for_gpu(), {}, cluster.NOW)
    stalled = compute(model, waiting_for_gpu(), first, after(2 * STARTUP_BUDGET))
    stalled["observedGeneration"] = 2

    assert course(compute(model, waiting_for_gpu(), stalled, after(3 * STARTUP_BUDGET)))[0] == "Reconciling"


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("error: unrecognized arguments: --max-len", "UnknownArgument"),
        ("ValueError: Cannot find any model weights with `/models`", "ModelFilesInvalid"),
    ],
)
def test_what_cannot_end_by_itself_is_stalled_at_once(log: str, reason: str) -> None:
    assert course(compute(cluster.model(), crashed(log), {}, cluster.NOW)) == ("Stalled", reason)


def test_an_unknown_crash_is_stalled_at_its_third_time() -> None:
    # The first is restarted at once: a pod that waits with one restart has crashed twice.
    second = compute(cluster.model(), crashed("KeyError: 1", restarts=1), {}, cluster.NOW)
    third = compute(cluster.model(), crashed("KeyError: 1", restarts=2), second, after(40))

    assert course(second) == ("Reconciling", "EngineCrashed")
    assert course(third) == ("Stalled", "EngineCrashed")


def test_a_pod_that_crashed_often_and_has_come_up_since_is_not_stalled() -> None:
    pod = cluster.running(cluster.pod(cluster.model()), "vllm", started=True)
    pod["status"]["containerStatuses"][0] |= {"restartCount": 9, "lastState": cluster.end()}
    unhealthy = cluster.event(pod, "Unhealthy", "Readiness probe failed: timeout")

    status = compute(
        cluster.model(), Observed(cluster.deployment(), [pod], events=[unhealthy]), {}, cluster.NOW
    )

    assert course(status) == ("Reconciling", "PodsUnhealthy")


def test_an_engine_that_ended_again_and_again_and_served_in_between_is_not_stalled() -> None:
    observed = crashed("KeyError: 1", restarts=9)
    (pod,) = observed.pods
    finished = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["finishedAt"]
    pod["status"]["conditions"] = [{"type": "Ready", "status": "False", "lastTransitionTime": finished}]

    assert course(compute(cluster.model(), observed, {}, cluster.NOW)) == ("Reconciling", "EngineCrashed")


def test_a_download_is_downloading_for_as_long_as_bytes_come() -> None:
    model = cluster.model()
    status = compute(model, downloading(0), {}, cluster.NOW)
    for minute in range(1, 91):
        status = compute(model, downloading(minute * 2 * 10**8), status, after(60 * minute))

    assert course(status) == ("Reconciling", "Downloading")


def test_a_download_whose_bytes_are_not_known_is_not_stalled_while_it_runs() -> None:
    model = cluster.model()
    observed = Observed(cluster.deployment(), [cluster.running(cluster.pod(model), "download")])
    first = compute(model, observed, {}, cluster.NOW)

    assert compute(model, observed, first, after(5 * STARTUP_BUDGET)) == first


def test_an_engine_that_loads_after_a_long_download_is_loading() -> None:
    model = cluster.model()
    status = compute(model, downloading(0), {}, cluster.NOW)
    loading = Observed(cluster.deployment(), [cluster.running(cluster.pod(model), "vllm")])

    status = compute(model, loading, status, after(2 * STARTUP_BUDGET))

    assert course(status) == ("Reconciling", "Loading")


def test_network_trouble_after_a_long_download_has_the_whole_budget() -> None:
    model = cluster.model()
    status = compute(model, downloading(0), {}, cluster.NOW)
    status = compute(model, downloading(10**10), status, after(2 * STARTUP_BUDGET))

    trouble = compute(model, download_failed("no-network"), status, after(2 * STARTUP_BUDGET + 60))

    assert course(trouble) == ("Reconciling", "DownloadFailed")


def test_tries_that_bring_no_bytes_use_the_budget_up() -> None:
    model = cluster.model()
    status = compute(model, download_failed("no-network"), {}, cluster.NOW)
    for second in range(60, STARTUP_BUDGET + 60, 120):
        status = compute(model, downloading(10**10), status, after(second))
        status = compute(model, download_failed("no-network"), status, after(second + 60))

    assert course(status) == ("Stalled", "DownloadFailed")


@pytest.mark.parametrize("code", ["not-found", "forbidden", "no-space", "no-access"])
def test_a_download_that_cannot_succeed_is_stalled_at_once(code: str) -> None:
    assert course(compute(cluster.model(), download_failed(code), {}, cluster.NOW))[0] == "Stalled"


def test_what_goes_on_by_itself_and_does_not_move_exceeds_its_deadline() -> None:
    model = cluster.model({"replicas": 2})
    observed = Observed(cluster.deployment(), [cluster.pod(model)])
    first = compute(model, observed, {}, cluster.NOW)

    status = compute(model, observed, first, after(STARTUP_BUDGET))

    assert course(first) == ("Reconciling", "Starting")
    assert course(status) == ("Stalled", "ProgressDeadlineExceeded")
    assert status["message"] == (
        "1 of 2 pods are created, and nothing has moved for 30 minutes: "
        "see `kubectl describe` of the model's Deployment and pods"
    )
    assert compute(model, observed, status, after(2 * STARTUP_BUDGET)) == status


def test_a_step_after_the_deadline_is_progress() -> None:
    model = cluster.model({"replicas": 2})
    one = Observed(cluster.deployment(), [cluster.pod(model)])
    status = compute(model, one, {}, cluster.NOW)
    status = compute(model, one, status, after(STARTUP_BUDGET))
    two = Observed(cluster.deployment(), [cluster.pod(model, "a"), cluster.pod(model, "b")])

    assert course(compute(model, two, status, after(2 * STARTUP_BUDGET))) == ("Reconciling", "Starting")


def test_pods_that_finish_their_requests_exceed_no_deadline_within_their_grace_period() -> None:
    model = cluster.model({"replicas": 0})
    pod = cluster.ready(model)
    pod["metadata"]["deletionTimestamp"] = after(3 * STARTUP_BUDGET)
    observed = Observed(cluster.deployment(), [pod])
    first = compute(model, observed, {}, cluster.NOW)

    within = compute(model, observed, first, after(2 * STARTUP_BUDGET))
    beyond = compute(model, observed, first, after(4 * STARTUP_BUDGET))

    assert course(within) == ("Reconciling", "Stopping")
    assert course(beyond) == ("Stalled", "ProgressDeadlineExceeded")
