"""Detectors for missing Secrets, volumes and claims of a pod."""

import re
from collections.abc import Mapping

from sirocco_operator.status import pods
from sirocco_operator.status.detector import Detect, Detector
from sirocco_operator.status.images import container_waits
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.reasons import Reason

ABSENT = r"(?i)secrets? \"([^\"]+)\" not found|couldn't find key \S+ in Secret (\S+)"
CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" not found')
MOUNT_EVENTS = frozenset({"FailedMount", "FailedAttachVolume", "FailedMapVolume"})


def mount_failed(pattern: str) -> Detect:
    """Detects a new pod whose newest event is a failed mount that matches the pattern."""
    wanted = re.compile(pattern)

    def detect(state: ModelState) -> Mapping[str, str] | None:
        for pod in state.unready_pods:
            events = state.events_of(pod)
            if not events or events[-1].get("reason") not in MOUNT_EVENTS:
                continue
            quote = str(events[-1].get("message", ""))
            # The kubelet's caches lag behind a new object; it retries by itself.
            if wanted.search(quote) and "failed to sync" not in quote:
                return {"quote": quote}
        return None

    return detect


def claim_missing(state: ModelState) -> Mapping[str, str] | None:
    """Detects a PersistentVolumeClaim that the scheduler does not find."""
    for pod in state.unready_pods:
        found = CLAIM.search(str(pods.condition(pod, "PodScheduled").get("message", "")))
        if found:
            return {"claim": found.group(1)}
    return None


CONFIG_ERROR = frozenset({"CreateContainerConfigError"})
CREATE_ERRORS = CONFIG_ERROR | {"CreateContainerError", "RunContainerError", "CreatePodSandboxError"}

DETECTORS = (
    Detector(Reason.SECRET_MISSING, container_waits(CONFIG_ERROR, ABSENT), "{quote}"),
    Detector(Reason.SECRET_MISSING, mount_failed(ABSENT), "{quote}"),
    Detector(Reason.VOLUME_MISSING, claim_missing, "PersistentVolumeClaim {claim} does not exist"),
    Detector(Reason.VOLUME_MISSING, mount_failed(""), "{quote}"),
    Detector(Reason.CONTAINER_NOT_CREATED, container_waits(CREATE_ERRORS), "container {container}: {quote}"),
)
