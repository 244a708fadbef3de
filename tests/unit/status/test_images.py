"""Images that cannot be pulled or cannot serve."""

import pytest

from tests.unit.status import cluster

IMAGE = "registry.example.com/team/serving:1"


@pytest.mark.parametrize(
    ("reason", "message", "reported"),
    [
        (
            "InvalidImageName",
            "Failed to apply default image tag: couldn't parse image name",
            f"{IMAGE} is not an image's name: correct engine.image (or model.uri for oci://)",
        ),
        (
            "ErrImageNeverPull",
            f'Container image "{IMAGE}" is not present with pull policy of Never',
            f"the node does not have {IMAGE} and may not pull it: load it on the nodes, "
            "or change the operator's image pull policy",
        ),
        (
            "ImagePullBackOff",
            f'Back-off pulling image "{IMAGE}": ErrImagePull: failed to pull and unpack image "{IMAGE}": '
            "pull access denied, repository does not exist or may require authorization",
            f'the registry refuses it: failed to pull and unpack image "{IMAGE}": pull access denied, '
            "repository does not exist or may require authorization: correct the name, or name a Secret with "
            "its credentials in imagePullSecrets",
        ),
        (
            "ErrImagePull",
            f'failed to pull and unpack image "{IMAGE}": failed to resolve reference: {IMAGE}: not found',
            f'there is no such image: failed to pull and unpack image "{IMAGE}": failed to resolve '
            f"reference: {IMAGE}: not found: "
            "correct engine.image (or model.uri for oci://), or push the image",
        ),
        (
            "ErrImagePull",
            "failed to do request: dial tcp: connection refused",
            "failed to do request: dial tcp: connection refused: correct engine.image (or model.uri for "
            "oci://) or imagePullSecrets, or make the registry reachable",
        ),
    ],
)
def test_an_image_that_cannot_be_pulled_is_reported_with_its_cause(
    reason: str, message: str, reported: str
) -> None:
    model = cluster.model({"engine": {"image": IMAGE}})

    pod = cluster.waiting(cluster.pod(model), "vllm", reason, message)

    assert cluster.reason_and_message(model, pod) == ("ImagePull", reported)


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
        f"{IMAGE} is not a serving image: leave engine.image out, "
        "or build ours over it (serving/Dockerfile, build argument BASE)",
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
