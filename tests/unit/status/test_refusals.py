"""Children that could not be written and pods that the API server refuses to create."""

from sirocco_operator.status.compute import compute
from sirocco_operator.status.observed import Observed, Refusal, RefusalCause
from tests.unit.status import cluster


def test_a_foreign_object_of_our_name_is_named() -> None:
    refusal = Refusal(RefusalCause.NAME_CONFLICT, "ServiceAccount", "mistral")

    assert cluster.reason_and_message(cluster.model(), refusals=[refusal]) == (
        "NameConflict",
        "ServiceAccount mistral exists and is not of this model: rename the model, or delete that object",
    )


def test_a_foreign_service_is_not_reported_as_the_endpoint() -> None:
    refusal = Refusal(RefusalCause.NAME_CONFLICT, "Service", "mistral")

    status = compute(cluster.model(), Observed(refusals=[refusal]), {}, cluster.NOW)

    assert "endpoint" not in status


def test_a_cluster_that_drops_image_volumes_is_reported() -> None:
    refusal = Refusal(RefusalCause.IMAGE_VOLUMES_UNSUPPORTED, "Deployment", "mistral")

    reason, message = cluster.reason_and_message(cluster.model(), refusals=[refusal])

    assert reason == "ImageVolumesUnsupported"
    assert "or serve from hf:// or pvc://" in message


def test_a_rejected_child_is_reported_in_the_api_servers_words() -> None:
    words = 'admission webhook "policy.example.com" denied the request: images must be signed'
    refusal = Refusal(RefusalCause.REJECTED, "Deployment", "mistral", words)

    assert cluster.reason_and_message(cluster.model(), refusals=[refusal]) == (
        "ChildRejected",
        f"the API server said: Deployment mistral: {words}: change what it complains of, or the policy",
    )


def test_an_exceeded_quota_is_reported_alike_at_each_try() -> None:
    reported = {
        cluster.reason_and_message(
            cluster.model(), deployment=cluster.deployment(failure=quota_failure(suffix))
        )
        for suffix in ("r7qlk", "6ff2q")
    }

    assert reported == {
        (
            "QuotaExceeded",
            "exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, used: requests.nvidia.com/gpu=8, "
            "limited: requests.nvidia.com/gpu=8: raise the quota, or lower replicas or resources",
        )
    }


def quota_failure(suffix: str) -> str:
    return (
        f'pods "mistral-7f99ff5f67-{suffix}" is forbidden: exceeded quota: gpus, requested: '
        "requests.nvidia.com/gpu=1, used: requests.nvidia.com/gpu=8, limited: requests.nvidia.com/gpu=8"
    )


def test_a_service_account_that_is_not_there_is_named() -> None:
    failure = (
        'pods "mistral-7f99ff5f67-" is forbidden: error looking up service account default/mine: '
        'serviceaccount "mine" not found'
    )

    assert cluster.reason_and_message(cluster.model(), deployment=cluster.deployment(failure=failure)) == (
        "ServiceAccountMissing",
        'serviceaccount "mine" not found: create it, or correct serviceAccountName',
    )


def test_a_policy_that_forbids_the_pods_is_quoted() -> None:
    failure = (
        'pods "mistral-1-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
    )

    reason, message = cluster.reason_and_message(
        cluster.model(), deployment=cluster.deployment(failure=failure)
    )

    assert reason == "ChildRejected"
    assert 'violates PodSecurity "restricted:latest"' in message


def test_a_refused_child_comes_before_a_stopped_model() -> None:
    refusal = Refusal(RefusalCause.NAME_CONFLICT, "ConfigMap", "mistral-serving")

    assert cluster.reason_and_message(cluster.model({"replicas": 0}), refusals=[refusal])[0] == "NameConflict"
