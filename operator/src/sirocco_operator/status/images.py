"""Detectors for images that cannot be pulled or cannot serve."""

import re
from collections.abc import Mapping

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.pod.template import ENGINE_CONTAINER
from sirocco_operator.children.pod.weights import DOWNLOAD_CONTAINER
from sirocco_operator.status import pods
from sirocco_operator.status.detector import Detect, Detector
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.reasons import Reason, Stage

# The kubelet's reasons for a container that waits for its image (pkg/kubelet/images/types.go).
PULL_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable"})

NO_LAYER = r"No module named '?sirocco_serving|exec: \\?\"(vllm|python3)\\?\": executable file not found"
DENIED = r"(?i)pull access denied|unauthorized|authentication required|authorization failed|forbidden"
NOT_FOUND = r"(?i)not found|manifest unknown|does not exist"
# How the kubelet begins its message between two pulls; the cause follows.
BACKING_OFF = re.compile(r'^Back-off pulling image "[^"]+": (ErrImagePull: )?')
# containerd before 2.1 turns an image volume into a mount without a source.
NO_IMAGE_VOLUME = r"mkdir \"\": |mkdir : no such file"


def container_waits(reasons: frozenset[str], pattern: str = "") -> Detect:
    """Detects a container that waits for one of these reasons, with a message that matches the pattern."""
    wanted = re.compile(pattern)

    def detect(state: ModelState) -> Mapping[str, str] | None:
        for pod in state.unready_pods:
            for container, reason, message in pods.waiting_containers(pod):
                if reason in reasons and wanted.search(message):
                    quote = BACKING_OFF.sub("", message)
                    return {"container": container, "image": pods.image(pod, container), "quote": quote}
        return None

    return detect


def lacks_serving_layer(state: ModelState) -> Mapping[str, str] | None:
    """Detects an image without the serving layer, or without vLLM."""
    for pod in state.unready_pods:
        for container in (DOWNLOAD_CONTAINER, ENGINE_CONTAINER):
            ended = pods.termination(pod, container) or {}
            texts = [str(ended.get("message", ""))]
            texts += [message for waiting, _, message in pods.waiting_containers(pod) if waiting == container]
            if any(re.search(NO_LAYER, text) for text in texts):
                return {"image": pods.image(pod, container)}
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


def _is_image_source(model: InferenceModel) -> bool:
    return model.spec.model.uri.startswith("oci://")


DETECTORS = (
    Detector(
        Reason.IMAGE_PULL,
        container_waits(frozenset({"InvalidImageName"})),
        "{image} is not an image's name",
        "correct engine.image (or model.uri for oci://)",
        Stage.FAILED,
    ),
    Detector(
        Reason.IMAGE_PULL,
        container_waits(frozenset({"ErrImageNeverPull"})),
        "the node does not have {image} and may not pull it",
        "load it on the nodes, or change the operator's image pull policy",
    ),
    Detector(
        Reason.IMAGE_PULL,
        container_waits(PULL_REASONS, DENIED),
        "the registry refuses it: {quote}",
        "correct the name, or name a Secret with its credentials in imagePullSecrets",
    ),
    Detector(
        Reason.IMAGE_PULL,
        container_waits(PULL_REASONS, NOT_FOUND),
        "there is no such image: {quote}",
        "correct engine.image (or model.uri for oci://), or push the image",
    ),
    Detector(Reason.IMAGE_PULL, container_waits(PULL_REASONS), "{quote}"),
    Detector(Reason.IMAGE_LACKS_SERVING_LAYER, lacks_serving_layer, "{image} is not a serving image"),
    Detector(
        Reason.IMAGE_RUNS_AS_ROOT,
        container_waits(frozenset({"CreateContainerConfigError"}), r"runAsNonRoot"),
        "{image} runs as root or as a user without a number, which the pod does not allow",
    ),
    Detector(
        Reason.IMAGE_VOLUMES_UNSUPPORTED,
        image_volume_unsupported,
        "the node's container runtime cannot mount image volumes, which oci:// needs",
    ),
)
