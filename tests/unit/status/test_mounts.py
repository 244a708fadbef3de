"""Missing Secrets, volumes and claims of a pod."""

from tests.unit.status import cluster


def test_a_secret_that_is_not_there_is_named() -> None:
    model = cluster.model({"model": {"uri": "hf://a/b", "secretName": "hf"}})
    pod = cluster.waiting(
        cluster.pod(model), "download", "CreateContainerConfigError", 'secret "hf" not found'
    )

    reason, message = cluster.reason_and_message(model, pod)

    assert reason == "SecretMissing"
    assert message.startswith('secret "hf" not found: create it in the model\'s namespace')


def test_a_secret_volume_that_is_not_there_is_named() -> None:
    model = cluster.model()
    pod = cluster.waiting(cluster.pod(model), "vllm", "ContainerCreating")
    failed = 'MountVolume.SetUp failed for volume "s3" : secret "s3" not found'

    reason, message = cluster.reason_and_message(
        model, pod, events=[cluster.event(pod, "FailedMount", failed)]
    )

    assert reason == "SecretMissing"
    assert 'secret "s3" not found' in message


def test_a_missing_secret_of_keys_is_named() -> None:
    model = cluster.model({"access": {"keysSecretName": "team-keys"}})
    pod = cluster.waiting(cluster.pod(model), "vllm", "ContainerCreating")
    failed = 'MountVolume.SetUp failed for volume "keys" : secret "team-keys" not found'

    reason, message = cluster.reason_and_message(
        model, pod, events=[cluster.event(pod, "FailedMount", failed)]
    )

    assert reason == "SecretMissing"
    assert 'secret "team-keys" not found' in message
    assert "access.keysSecretName" in message


def test_a_volume_that_cannot_be_attached_is_reported() -> None:
    model = cluster.model()
    pod = cluster.waiting(cluster.pod(model), "vllm", "ContainerCreating")
    failed = 'AttachVolume.Attach failed for volume "pvc-1" : volume attachment is being deleted'

    assert (
        cluster.reason_and_message(model, pod, events=[cluster.event(pod, "FailedAttachVolume", failed)])[0]
        == "VolumeMissing"
    )


def test_a_lagging_cache_of_the_kubelet_is_no_trouble() -> None:
    model = cluster.model()
    pod = cluster.waiting(cluster.pod(model), "vllm", "ContainerCreating")
    failed = 'MountVolume.SetUp failed for volume "serving" : failed to sync configmap cache: timed out'

    assert (
        cluster.reason_and_message(model, pod, events=[cluster.event(pod, "FailedMount", failed)])[0]
        == "Starting"
    )


def test_a_mount_that_failed_before_the_container_was_made_is_history() -> None:
    model = cluster.model()
    pod = cluster.running(cluster.pod(model), "vllm")
    events = [
        cluster.event(pod, "FailedMount", "timed out"),
        cluster.event(pod, "Started", "Container started"),
    ]

    assert cluster.reason_and_message(model, pod, events=events)[0] == "Loading"


def test_any_other_container_that_cannot_be_created_is_reported() -> None:
    model = cluster.model()
    pod = cluster.waiting(
        cluster.pod(model), "vllm", "CreateContainerError", "failed to reserve container name"
    )

    reason, message = cluster.reason_and_message(model, pod)

    assert reason == "ContainerNotCreated"
    assert message.startswith("container vllm: failed to reserve container name: correct")
