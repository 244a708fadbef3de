"""Missing Secrets, volumes and claims of a pod."""

from sirocco_operator.status.observed import Claim
from tests.unit.status import cluster


def test_a_secret_that_is_not_there_is_named() -> None:
    model = cluster.model({"model": {"uri": "hf://a/b", "secretName": "hf"}})
    pod = cluster.waiting(
        cluster.pod(model), "download", "CreateContainerConfigError", 'secret "hf" not found'
    )

    assert cluster.reason_and_message(model, pod) == (
        "SecretMissing",
        "model.secretName names the Secret hf, which does not exist in the namespace default: "
        "create it there, or correct model.secretName",
    )


def test_a_key_that_a_secret_lacks_is_named() -> None:
    model = cluster.model({"tracing": {"endpoint": "http://otel:4317", "headersSecretName": "otel"}})
    pod = cluster.waiting(
        cluster.pod(model),
        "vllm",
        "CreateContainerConfigError",
        "couldn't find key OTEL_EXPORTER_OTLP_HEADERS in Secret default/otel",
    )

    assert cluster.reason_and_message(model, pod) == (
        "SecretMissing",
        "tracing.headersSecretName names the Secret otel, which has no entry OTEL_EXPORTER_OTLP_HEADERS: "
        "add the entry to the Secret, or correct tracing.headersSecretName",
    )


def test_a_secret_volume_that_is_not_there_is_named() -> None:
    model = cluster.model({"volumes": [{"name": "certs", "secret": {"secretName": "s3"}}]})
    pod = cluster.waiting(cluster.pod(model), "vllm", "ContainerCreating")
    failed = 'MountVolume.SetUp failed for volume "certs" : secret "s3" not found'

    reason, message = cluster.reason_and_message(
        model, pod, events=[cluster.event(pod, "FailedMount", failed)]
    )

    assert reason == "SecretMissing"
    assert message.startswith(
        "volumes (certs) names the Secret s3, which does not exist in the namespace default"
    )


def test_a_config_map_that_is_not_there_is_named() -> None:
    model = cluster.model({"volumes": [{"name": "extra", "configMap": {"name": "flags"}}]})
    pod = cluster.waiting(cluster.pod(model), "vllm", "ContainerCreating")
    failed = 'MountVolume.SetUp failed for volume "extra" : configmap "flags" not found'

    reason, message = cluster.reason_and_message(
        model, pod, events=[cluster.event(pod, "FailedMount", failed)]
    )

    assert reason == "VolumeMissing"
    assert message.startswith("volumes (extra) names the ConfigMap flags, which does not exist")


def test_a_missing_secret_of_keys_is_named() -> None:
    model = cluster.model({"access": {"keysSecretName": "team-keys"}})
    pod = cluster.waiting(cluster.pod(model), "vllm", "ContainerCreating")
    failed = 'MountVolume.SetUp failed for volume "keys" : secret "team-keys" not found'

    reason, message = cluster.reason_and_message(
        model, pod, events=[cluster.event(pod, "FailedMount", failed)]
    )

    assert reason == "SecretMissing"
    assert message.startswith("access.keysSecretName names the Secret team-keys, which does not exist")


def test_a_volume_that_cannot_be_attached_is_reported() -> None:
    model = cluster.model({"cache": {"claimName": "weights"}})
    pod = cluster.waiting(cluster.pod(model), "vllm", "ContainerCreating")
    failed = 'AttachVolume.Attach failed for volume "pvc-1" : volume attachment is being deleted'
    observed = {"events": [cluster.event(pod, "FailedAttachVolume", failed)]}

    assert cluster.reason_and_message(model, pod, **observed)[1].startswith(
        f"the node cannot mount a volume of the pod: {failed}: "
    )
    claims = [Claim("weights", "Bound", "fast", volume="pvc-1")]
    assert cluster.reason_and_message(model, pod, claims=claims, **observed) == (
        "VolumeMissing",
        f"the node cannot mount the PersistentVolumeClaim weights (cache.claimName): {failed}: repair what "
        f"the "
        f"node complains of; `kubectl describe pod {pod['metadata']['name']}` shows each attempt",
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
    assert message.startswith(
        "the node cannot create the container vllm: failed to reserve container name: correct"
    )
