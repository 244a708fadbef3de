"""Images that cannot be pulled or cannot serve."""

import pytest

from tests.unit.status import cluster

IMAGE = "registry.example.com/team/serving:1"


# As containerd 2 and the kubelet of 1.35 write it.
NO_HOST = (
    f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": failed to do '
    f"request: "
    'Head "https://registry.example.com/v2/team/serving/manifests/1": dial tcp: lookup registry.example.com '
    "on "
    "10.96.0.10:53: no such host"
)
GONE = f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": {IMAGE}: not found'
REFUSED = (
    f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": pull access denied, '
    "repository does not exist or may require authorization: server message: insufficient_scope"
)


@pytest.mark.parametrize(
    ("reason", "message", "reported"),
    [
        (
            "InvalidImageName",
            f'Failed to apply default image tag "{IMAGE}": couldn\'t parse image name "{IMAGE}": invalid',
            f"engine.image is {IMAGE}, which is not an image's name: correct engine.image",
        ),
        (
            "ErrImageNeverPull",
            f'Container image "{IMAGE}" is not present with pull policy of Never',
            f"engine.image is {IMAGE}, the node does not have this image, and the pull policy Never forbids "
            f"to "
            "pull it: load the image on the nodes, or set the chart's serving.pullPolicy to IfNotPresent",
        ),
        (
            "ImagePullBackOff",
            f'Back-off pulling image "{IMAGE}": ErrImagePull: {REFUSED}',
            f"engine.image is {IMAGE}, and the registry refuses it: correct engine.image, or name a Secret "
            f"with "
            "the registry's credentials in imagePullSecrets; the node says: pull access denied, repository "
            "does "
            "not exist or may require authorization: server message: insufficient_scope",
        ),
        (
            "ErrImagePull",
            f"rpc error: code = NotFound desc = {GONE}",
            f"engine.image is {IMAGE}, and the registry has no such image: correct engine.image, or push the "
            f"image; the node says: {IMAGE}: not found",
        ),
        (
            "ErrImagePull",
            NO_HOST,
            f"engine.image is {IMAGE}, and the node cannot pull it: correct engine.image, or let the nodes "
            f"reach "
            'the registry; the node says: Head "https://registry.example.com/v2/team/serving/manifests/1": '
            "dial "
            "tcp: lookup registry.example.com on 10.96.0.10:53: no such host",
        ),
    ],
)
def test_an_image_that_cannot_be_pulled_is_reported_with_its_field_first(
    reason: str, message: str, reported: str
) -> None:
    model = cluster.model({"engine": {"image": IMAGE}})

    pod = cluster.waiting(cluster.pod(model), "vllm", reason, message)

    assert cluster.reason_and_message(model, pod) == ("ImagePull", reported)


@pytest.mark.parametrize(("device", "value"), [("gpu", "serving.image"), ("cpu", "serving.cpuImage")])
def test_the_charts_image_is_blamed_on_the_chart(device: str, value: str) -> None:
    model = cluster.model({"device": device})
    pod = cluster.pod(model)
    image = pod["spec"]["containers"][0]["image"]
    message = GONE.replace(IMAGE, f"docker.io/{image}")

    _, told = cluster.reason_and_message(model, cluster.waiting(pod, "vllm", "ErrImagePull", message))

    assert told.startswith(f"the chart's {value} is {image}, and the registry has no such image: ")
    assert f"correct the chart's {value}, or push the image" in told
    assert "engine.image" not in told


@pytest.mark.parametrize("quoted", ["team/weights:2", "docker.io/team/weights:2"])
def test_the_image_of_the_weights_is_blamed_on_model_uri(quoted: str) -> None:
    model = cluster.model({"engine": {"image": IMAGE}, "model": {"uri": "oci://team/weights:2"}})
    message = GONE.replace(IMAGE, quoted)

    pod = cluster.waiting(cluster.pod(model), "vllm", "ErrImagePull", message)

    assert cluster.reason_and_message(model, pod) == (
        "ImagePull",
        "model.uri is oci://team/weights:2, and the registry has no such image: correct model.uri, or push "
        "the "
        f"image; the node says: {quoted}: not found",
    )


def test_the_serving_image_is_not_taken_for_weights_of_a_similar_name() -> None:
    model = cluster.model(
        {"engine": {"image": IMAGE}, "model": {"uri": "oci://registry.example.com/team/ser:1"}}
    )

    pod = cluster.waiting(cluster.pod(model), "vllm", "ErrImagePull", GONE)

    assert cluster.reason_and_message(model, pod)[1].startswith(f"engine.image is {IMAGE}")


@pytest.mark.parametrize(
    ("named", "field"),
    [([{"name": "regcred"}], "imagePullSecrets"), ([], "imagePullSecrets of the pods' ServiceAccount")],
)
def test_a_pull_secret_that_is_not_there_is_named(named: list[dict[str, str]], field: str) -> None:
    model = cluster.model({"engine": {"image": IMAGE}, "imagePullSecrets": named})
    pod = cluster.waiting(cluster.pod(model), "vllm", "ErrImagePull", REFUSED)
    events = [
        cluster.event(
            pod,
            "FailedToRetrieveImagePullSecret",
            "Unable to retrieve some image pull secrets (regcred); attempting to pull the image may not "
            "succeed.",
        ),
        cluster.event(pod, "Failed", "Error: ErrImagePull"),
    ]

    assert cluster.reason_and_message(model, pod, events=events) == (
        "SecretMissing",
        f"{field} names regcred, no such Secret exists in the namespace default, and the registry does not "
        f"give "
        f"{IMAGE} (engine.image) without it: create the Secret (`kubectl create secret docker-registry`), or "
        f"correct {field}",
    )


def test_a_missing_pull_secret_is_not_blamed_for_a_registry_that_cannot_be_reached() -> None:
    model = cluster.model({"engine": {"image": IMAGE}, "imagePullSecrets": [{"name": "regcred"}]})
    pod = cluster.waiting(cluster.pod(model), "vllm", "ErrImagePull", NO_HOST)
    message = (
        "Unable to retrieve some image pull secrets (regcred); attempting to pull the image may not succeed."
    )
    events = [cluster.event(pod, "FailedToRetrieveImagePullSecret", message)]

    assert cluster.reason_and_message(model, pod, events=events)[0] == "ImagePull"


def test_a_pull_is_reported_alike_while_it_fails_and_while_it_backs_off() -> None:
    model = cluster.model({"engine": {"image": IMAGE}})
    cause = f'failed to pull and unpack image "{IMAGE}": dial tcp: connection refused'
    failing = cluster.waiting(cluster.pod(model), "vllm", "ErrImagePull", cause)
    message = f'Back-off pulling image "{IMAGE}": ErrImagePull: {cause}'
    backing_off = cluster.waiting(cluster.pod(model), "vllm", "ImagePullBackOff", message)

    assert cluster.reason_and_message(model, failing) == cluster.reason_and_message(model, backing_off)


@pytest.mark.parametrize("container", ["download", "vllm"])
def test_an_image_without_our_package_lacks_the_serving_layer(container: str) -> None:
    model = cluster.model({"engine": {"image": IMAGE}})
    message = "Traceback (most recent call last):\nModuleNotFoundError: No module named 'sirocco_serving'\n"

    assert cluster.reason_and_message(model, cluster.crashed(cluster.pod(model), message, container)) == (
        "ImageLacksServingLayer",
        f"engine.image is {IMAGE}, an image without Sirocco's serving layer: leave engine.image out, "
        "or build the layer over your image (serving/Dockerfile, build argument BASE)",
    )


def test_an_image_without_vllm_lacks_the_serving_layer() -> None:
    model = cluster.model({"engine": {"image": IMAGE}})
    message = (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc "
        'create failed: unable to start container process: exec: "vllm": executable file not found in $PATH'
    )

    pod = cluster.waiting(cluster.pod(model), "vllm", "RunContainerError", message)

    assert cluster.reason_and_message(model, pod)[0] == "ImageLacksServingLayer"


def test_an_image_that_runs_as_root_is_reported() -> None:
    model = cluster.model({"engine": {"image": IMAGE}})
    message = 'container has runAsNonRoot and image will run as root (pod: "mistral", container: vllm)'

    pod = cluster.waiting(cluster.pod(model), "vllm", "CreateContainerConfigError", message)

    assert cluster.reason_and_message(model, pod)[0] == "ImageRunsAsRoot"


def test_a_node_that_cannot_mount_images_is_reported() -> None:
    model = cluster.model({"model": {"uri": "oci://registry.example.com/weights:1"}})
    cause = 'failed to mkdir "": mkdir : no such file or directory'
    message = f'failed to generate container "c1" spec: failed to generate spec: {cause}'

    pod = cluster.waiting(cluster.pod(model), "vllm", "CreateContainerError", message)

    assert cluster.reason_and_message(model, pod)[0] == "ImageVolumesUnsupported"
