"""The init container that fetches hf:// weights."""

import pytest

from sirocco_operator.status.observed import Download
from tests.unit.status import cluster

NAME = "mistral-7f99ff5f67-x2k4p"


@pytest.mark.parametrize(
    ("download", "message"),
    [
        (Download(3_200_000_000, 14_500_000_000), "the pod downloads 3.2 of 14.5 GB of mistralai/Mistral-7B"),
        (
            Download(800_000_000, 14_500_000_000),
            "the pod downloads 800.0 MB of 14.5 GB of mistralai/Mistral-7B",
        ),
        (Download(12, None), "the pod downloads 12 B of mistralai/Mistral-7B"),
    ],
)
def test_a_download_is_reported_in_bytes(download: Download, message: str) -> None:
    model = cluster.model()
    pod = cluster.running(cluster.pod(model), "download")

    assert cluster.reason_and_message(model, pod, downloads={NAME: download}) == ("Downloading", message)


def test_of_several_downloads_the_least_advanced_is_reported() -> None:
    model = cluster.model({"replicas": 2})
    pods = [cluster.running(cluster.pod(model, suffix), "download") for suffix in ("a", "b")]
    downloads = {
        pods[0]["metadata"]["name"]: Download(9 * 10**9, 10**10),
        pods[1]["metadata"]["name"]: Download(2 * 10**9, 10**10),
    }

    assert cluster.reason_and_message(model, *pods, downloads=downloads)[1].startswith(
        "the pod downloads 2.0 of 10.0 GB"
    )


def test_a_download_that_cannot_be_reached_is_reported_without_bytes() -> None:
    model = cluster.model()

    assert cluster.reason_and_message(model, cluster.running(cluster.pod(model), "download")) == (
        "Downloading",
        "the pod downloads mistralai/Mistral-7B",
    )


def test_a_failed_download_is_reported_in_the_downloaders_sentence() -> None:
    model = cluster.model()
    sentence = (
        "mistralai/Mistral-7B is gated: accept its licence and put HF_TOKEN into the Secret model.secretName"
    )
    log = f"Fetching 12 files\nsirocco download: forbidden: {sentence}\n"

    assert cluster.reason_and_message(model, cluster.crashed(cluster.pod(model), log, "download")) == (
        "DownloadFailed",
        sentence,
    )


def test_an_undeclared_failure_is_reported_by_the_last_line_that_names_a_cause() -> None:
    model = cluster.model()
    log = 'Traceback (most recent call last):\n  File "x.py"\nsirocco download: failed: IncompleteRead\n'

    reason, message = cluster.reason_and_message(model, cluster.crashed(cluster.pod(model), log, "download"))

    assert reason == "DownloadFailed"
    assert (
        message == "the download of mistralai/Mistral-7B failed: IncompleteRead: "
        "see `kubectl logs -c download` of the pod"
    )


def test_a_retry_stays_failed_until_it_reports_bytes() -> None:
    model = cluster.model()
    failed = cluster.end("sirocco download: no-network: the hub cannot be reached")
    state = {"running": {"startedAt": cluster.CREATED}}
    retrying = cluster.with_container(cluster.pod(model), "download", state, failed)

    assert cluster.reason_and_message(model, retrying)[0] == "DownloadFailed"
    assert cluster.reason_and_message(model, retrying, downloads={NAME: Download(5, 10)})[0] == "Downloading"


def test_weights_that_do_not_fit_into_the_pod_name_size_and_claim_as_the_fix() -> None:
    model = cluster.model()
    gone = cluster.evicted(model, 'Usage of EmptyDir volume "models" exceeds the limit "100Gi". ')
    next_try = cluster.running(cluster.pod(model), "download")

    reason, message = cluster.reason_and_message(model, gone, next_try)

    assert reason == "DownloadFailed"
    assert 'exceeds the limit "100Gi": raise cache.sizeLimit, or keep the weights in a' in message


def test_another_eviction_is_reported_until_its_replacement_serves() -> None:
    model = cluster.model()
    gone = cluster.evicted(model, "The node was low on resource: memory. ")

    reason, message = cluster.reason_and_message(model, gone, cluster.running(cluster.pod(model), "vllm"))

    assert reason == "Evicted"
    assert message.startswith(
        "the node evicted a pod: The node was low on resource: memory: set resources.requests"
    )
    assert cluster.reason_and_message(model, gone, cluster.ready(model))[0] == "Ready"


def test_a_pod_that_wrote_more_than_its_limit_names_the_limit() -> None:
    model = cluster.model()
    gone = cluster.evicted(
        model, "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "
    )

    assert cluster.reason_and_message(model, gone, cluster.pod(model)) == (
        "Evicted",
        "a pod wrote more than it may and was thrown out: Pod ephemeral local storage usage exceeds the "
        "total limit of containers 1Gi: raise resources.limits.ephemeral-storage, or write less",
    )


def test_an_eviction_of_long_ago_is_history() -> None:
    model = cluster.model()
    gone = cluster.evicted(model, "The node was low on resource: memory. ", at="2026-11-20T10:00:00Z")

    assert (
        cluster.reason_and_message(model, gone, cluster.running(cluster.pod(model), "vllm"))[0] == "Loading"
    )
