"""Children that could not be written and pods that the API server refuses to create."""

import pytest

from sirocco_operator.status.compute import compute
from sirocco_operator.status.observed import Observed, Refusal, RefusalCause
from tests.unit.status import cluster


def test_a_foreign_object_of_our_name_is_named() -> None:
    refusal = Refusal(RefusalCause.NAME_CONFLICT, "ServiceAccount", "mistral")

    assert cluster.reason_and_message(cluster.model(), refusals=[refusal]) == (
        "NameConflict",
        "ServiceAccount mistral exists and is not of this model: rename the model, or delete that object",
    )


def test_all_foreign_objects_of_our_names_are_named() -> None:
    conflicts = [
        Refusal(RefusalCause.NAME_CONFLICT, kind, "mistral")
        for kind in ("ServiceAccount", "Service", "Deployment")
    ]

    _, message = cluster.reason_and_message(cluster.model(), refusals=conflicts)

    assert message.startswith(
        "ServiceAccount mistral, Service mistral and Deployment mistral exist and are not of this model: "
    )


def test_a_field_that_cannot_change_is_named_with_what_to_do() -> None:
    refusal = Refusal(RefusalCause.IMMUTABLE, "Deployment", "mistral", "spec.selector")

    assert cluster.reason_and_message(cluster.model(), refusals=[refusal]) == (
        "ChildRejected",
        "Deployment mistral has another spec.selector than the model's, which Kubernetes lets nobody change: "
        "delete it when the model may be away for a start, the operator makes it again at once",
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
        f"the API server refuses the Deployment mistral: {words}: change what it complains of, or the policy",
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
            "the ResourceQuota gpus has no room for the model's pods: requested requests.nvidia.com/gpu=1, "
            "used "
            "requests.nvidia.com/gpu=8, limited to requests.nvidia.com/gpu=8: raise the quota, or lower "
            "replicas "
            "or resources",
        )
    }


def test_a_quota_in_other_words_is_still_a_quota() -> None:
    failure = 'pods "mistral-1-x" is forbidden: exceeded quota: gpus'

    reason, told = cluster.reason_and_message(cluster.model(), deployment=cluster.deployment(failure=failure))

    assert reason == "QuotaExceeded"
    assert told.startswith("the API server refuses the model's pods: exceeded quota: gpus: raise the quota")


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
        "the ServiceAccount mine does not exist in the namespace default: "
        "create it, or correct serviceAccountName",
    )


@pytest.mark.parametrize(
    ("missing", "wanted", "fields"),
    [
        ("limits.memory for: download,vllm", "limits.memory", "resources.limits.memory"),
        (
            "cpu for: vllm; limits.memory for: vllm",
            "requests.cpu and limits.memory",
            "resources.requests.cpu and resources.limits.memory",
        ),
    ],
)
def test_a_quota_that_wants_limits_is_told_with_the_fields_to_set(
    missing: str, wanted: str, fields: str
) -> None:
    failure = f'pods "mistral-7f99ff5f67-x" is forbidden: failed quota: compute: must specify {missing}'

    assert cluster.reason_and_message(cluster.model(), deployment=cluster.deployment(failure=failure)) == (
        "ChildRejected",
        f"the ResourceQuota compute wants every container to have {wanted}, and the model does not set that: "
        f"set {fields}",
    )


def test_a_container_of_a_webhook_is_not_blamed_on_the_models_resources() -> None:
    failure = 'pods "m-1" is forbidden: failed quota: compute: must specify limits.memory for: istio-proxy'

    _, told = cluster.reason_and_message(cluster.model(), deployment=cluster.deployment(failure=failure))

    assert told.startswith("the API server refuses the model's pods: failed quota: compute: must specify")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "no PriorityClass with name urgent was found",
            "priorityClassName is urgent, and the cluster has no PriorityClass of this name: set "
            "priorityClassName to one that `kubectl get priorityclass` lists, or create it",
        ),
        (
            'pod rejected: RuntimeClass "nvidia" not found',
            "runtimeClassName is nvidia, and the cluster has no RuntimeClass of this name: set "
            "runtimeClassName "
            "to one that `kubectl get runtimeclass` lists, or create it",
        ),
    ],
)
def test_a_class_that_is_not_there_is_told_with_its_field(words: str, told: str) -> None:
    failure = f'pods "mistral-7f99ff5f67-x" is forbidden: {words}'

    assert cluster.reason_and_message(cluster.model(), deployment=cluster.deployment(failure=failure)) == (
        "ChildRejected",
        told,
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
