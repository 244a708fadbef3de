"""Detectors for images that cannot be pulled or cannot serve."""

import re
from collections.abc import Iterator, Mapping

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.pod.template import ENGINE_CONTAINER
from sirocco_operator.children.pod.weights import DOWNLOAD_CONTAINER
from sirocco_operator.status import pods
from sirocco_operator.status.detector import Detect, Detector
from sirocco_operator.status.messages import bounded
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import Manifest
from sirocco_operator.status.reasons import Reason, Stage
from sirocco_operator.status.spec_fields import engine_image_field, is_weights_image, pull_secret_field

# The kubelet's reasons for a container that waits for its image (pkg/kubelet/images/types.go).
PULL_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)

NO_LAYER = r"No module named '?sirocco_serving|exec: \\?\"(vllm|python3)\\?\": executable file not found"
DENIED = r"(?i:pull access denied|unauthorized|authentication required|authorization failed|forbidden)"
NOT_FOUND = r"(?i:not found|manifest unknown|does not exist)"
# What the kubelet and containerd say before the cause: which image they were about to pull.
BEFORE_CAUSE = re.compile(
    r'^(Back-off pulling image "[^"]+": )?((ErrImagePull|RegistryUnavailable|SignatureValidationFailed): )?'
    r"(rpc error: code = \w+ desc = )?"
    r'(failed to pull and unpack image "[^"]+": )?(failed to resolve (reference|image) "?[^" ]+"?: )?'
    r"(failed to do request: )?"
)
# The kubelet's event of that reason (pkg/kubelet/kubelet_pods.go).
NO_PULL_SECRET = "FailedToRetrieveImagePullSecret"  # noqa: S105 - an event's reason
PULL_SECRETS = re.compile(r"image pull secrets \(([^)]+)\)")
# The node's own words come last in a sentence, and are kept short.
WORDS_LIMIT = 200
# containerd before 2.1 turns an image volume into a mount without a source.
NO_IMAGE_VOLUME = r"mkdir \"\": |mkdir : no such file"


def container_waits(reasons: frozenset[str], pattern: str = "") -> Detect:
    """Detects a container that waits for one of these reasons, with a message that matches the pattern."""
    wanted = re.compile(pattern)

    def detect(state: ModelState) -> Mapping[str, str] | None:
        for pod, container, message in _waiting(state, reasons):
            if wanted.search(message):
                image = _image(state.model, pod, container, message)
                return {"container": container, "quote": message, **image}
        return None

    return detect


def pull_failed(pattern: str = "") -> Detect:
    """Detects an image that cannot be pulled, by a message that matches the pattern."""
    failed = container_waits(PULL_REASONS, pattern)

    def detect(state: ModelState) -> Mapping[str, str] | None:
        if (found := failed(state)) is None:
            return None
        return {**found, "words": bounded(BEFORE_CAUSE.sub("", found["quote"]), WORDS_LIMIT)}

    return detect


def pull_secret_missing(state: ModelState) -> Mapping[str, str] | None:
    """Detects an image that the registry refuses to a pod whose imagePullSecrets do not exist."""
    refused = pull_failed(f"{DENIED}|{NOT_FOUND}")(state)
    if refused is None:
        return None
    for pod in state.unready_pods:
        for event in state.events_of(pod):
            found = PULL_SECRETS.search(str(event.get("message", "")))
            if event.get("reason") == NO_PULL_SECRET and found:
                secrets = found.group(1)
                names = pull_secret_field(state.model, secrets.split(", ")[0])
                return {"secrets": secrets, "names": names, "namespace": state.namespace, **refused}
    return None


def lacks_serving_layer(state: ModelState) -> Mapping[str, str] | None:
    """Detects an image without the serving layer, or without vLLM."""
    for pod in state.unready_pods:
        for container in (DOWNLOAD_CONTAINER, ENGINE_CONTAINER):
            ended = pods.termination(pod, container) or {}
            texts = [str(ended.get("message", ""))]
            texts += [message for waiting, _, message in pods.waiting_containers(pod) if waiting == container]
            if any(re.search(NO_LAYER, text) for text in texts):
                return _image(state.model, pod, container)
    return None


def image_volume_unsupported(state: ModelState) -> Mapping[str, str] | None:
    """Detects a node whose container runtime cannot mount the model's image."""
    return (
        container_waits(frozenset({"CreateContainerError"}), NO_IMAGE_VOLUME)(state)
        if _is_image_source(state.model)
        else None
    )


def pulling(state: ModelState) -> Mapping[str, str] | None:
    """Detects a pod whose newest event is the start of an image pull."""
    for pod in state.unready_pods:
        events = state.events_of(pod)
        if (
            events
            and events[-1].get("reason") == "Pulling"
            and any(True for _ in pods.waiting_containers(pod))
        ):
            return {"quote": str(events[-1].get("message", "")).removeprefix("Pulling ")}
    return None


def _waiting(state: ModelState, reasons: frozenset[str]) -> Iterator[tuple[Manifest, str, str]]:
    """Containers that wait for one of these reasons: (pod, container, message)."""
    for pod in state.unready_pods:
        for container, reason, message in pods.waiting_containers(pod):
            if reason in reasons:
                yield pod, container, message


def _image(model: InferenceModel, pod: Manifest, container: str, message: str = "") -> dict[str, str]:
    """The image that a container's message is about, the field that it comes from, and how to change it."""
    if is_weights_image(model, message):
        return {"field": "model.uri", "image": model.spec.model.uri, "advice": ""}
    field = engine_image_field(model)
    advice = (
        "leave engine.image out"
        if field == "engine.image"
        else "set it to the serving image of this release (`helm show values` has its name)"
    )
    return {"field": field, "image": pods.image(pod, container), "advice": advice}


def _is_image_source(model: InferenceModel) -> bool:
    return model.spec.model.uri.startswith("oci://")


DETECTORS = (
    Detector(
        Reason.IMAGE_PULL,
        container_waits(frozenset({"InvalidImageName"})),
        "{field} is {image}, which is not an image's name",
        "correct {field}",
        Stage.FAILED,
    ),
    Detector(
        Reason.IMAGE_PULL,
        container_waits(frozenset({"ErrImageNeverPull"})),
        "{field} is {image}, the node does not have this image, and the pull policy Never forbids to pull it",
        "load the image on the nodes, or set the chart's serving.pullPolicy to IfNotPresent",
    ),
    Detector(
        Reason.SECRET_MISSING,
        pull_secret_missing,
        "{names} names {secrets}, no such Secret exists in the namespace {namespace}, and the registry does "
        "not give {image} ({field}) without it",
        "create the Secret (`kubectl create secret docker-registry`), or correct {names}",
    ),
    Detector(
        Reason.IMAGE_PULL,
        pull_failed(DENIED),
        "{field} is {image}, and the registry refuses it",
        "correct {field}, or name a Secret with the registry's credentials in imagePullSecrets; "
        "the node says: {words}",
    ),
    Detector(
        Reason.IMAGE_PULL,
        pull_failed(NOT_FOUND),
        "{field} is {image}, and the registry has no such image",
        "correct {field}, or push the image; the node says: {words}",
    ),
    Detector(
        Reason.IMAGE_PULL,
        pull_failed(),
        "{field} is {image}, and the node cannot pull it",
        "correct {field}, or let the nodes reach the registry; the node says: {words}",
    ),
    Detector(
        Reason.IMAGE_LACKS_SERVING_LAYER,
        lacks_serving_layer,
        "{field} is {image}, an image without Sirocco's serving layer",
        "{advice}, or build the layer over your image (serving/Dockerfile, build argument BASE)",
    ),
    Detector(
        Reason.IMAGE_RUNS_AS_ROOT,
        container_waits(frozenset({"CreateContainerConfigError"}), r"runAsNonRoot"),
        "{field} is {image}, which runs as root or as a user without a number, and the pod does not allow "
        "that",
    ),
    Detector(
        Reason.IMAGE_VOLUMES_UNSUPPORTED,
        image_volume_unsupported,
        "the node's container runtime cannot mount image volumes, which model.uri with oci:// needs",
    ),
)
