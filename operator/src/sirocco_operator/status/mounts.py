"""Detectors for missing Secrets, volumes and claims of a pod."""

import re
from collections.abc import Callable, Iterator, Mapping

from sirocco_operator.status import pods
from sirocco_operator.status.detector import Detect, Detector
from sirocco_operator.status.images import container_waits
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import Manifest
from sirocco_operator.status.reasons import Reason
from sirocco_operator.status.spec_fields import claim_field, config_map_field, secret_field

# The kubelet's words about what a container or a volume needs.
SECRET = re.compile(r"(?i)secrets? \"([^\"]+)\" not found")
SECRET_KEY = re.compile(r"couldn't find key (\S+) in Secret [^\s/]+/(\S+)")
CONFIG_MAP = re.compile(r"(?i)configmaps? \"([^\"]+)\" not found")
# The scheduler's.
CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" not found')
MOUNT_EVENTS = frozenset({"FailedMount", "FailedAttachVolume", "FailedMapVolume"})
CONFIG_ERROR = frozenset({"CreateContainerConfigError"})
CREATE_ERRORS = CONFIG_ERROR | {"CreateContainerError", "RunContainerError", "CreatePodSandboxError"}


def failed_mounts(state: ModelState) -> Iterator[tuple[Manifest, str]]:
    """New pods whose newest event is a failed mount, each with the kubelet's message."""
    for pod in state.unready_pods:
        events = state.events_of(pod)
        if not events or events[-1].get("reason") not in MOUNT_EVENTS:
            continue
        quote = str(events[-1].get("message", ""))
        # The kubelet's caches lag behind a new object; it retries by itself.
        if "failed to sync" not in quote:
            yield pod, quote


def mount_failed(state: ModelState) -> Mapping[str, str] | None:
    """Detects any volume that cannot be mounted."""
    for pod, quote in failed_mounts(state):
        volumes = {claim.volume: claim.name for claim in state.observed.claims if claim.volume}
        claim = next((volumes[name] for name in volumes if name in quote), "")
        what = f"the PersistentVolumeClaim {claim} ({claim_field(state.model, pod, claim)})" if claim else ""
        return {"what": what or "a volume of the pod", "quote": quote, "pod": pods.name(pod)}
    return None


def absent(pattern: re.Pattern[str], field_of: Callable[[ModelState, Manifest, str], str]) -> Detect:
    """Detects an object that the kubelet does not find; the pattern's last group is its name.

    `field_of` returns the field that names it.
    """

    def detect(state: ModelState) -> Mapping[str, str] | None:
        for pod, quote in _complaints(state):
            if found := pattern.search(quote):
                name = found.group(pattern.groups)
                return {
                    "name": name,
                    "key": found.group(1),
                    "field": field_of(state, pod, name),
                    "namespace": state.namespace,
                }
        return None

    return detect


def claim_missing(state: ModelState) -> Mapping[str, str] | None:
    """Detects a PersistentVolumeClaim that the scheduler does not find."""
    for pod in state.unready_pods:
        found = CLAIM.search(str(pods.condition(pod, "PodScheduled").get("message", "")))
        if found:
            claim = found.group(1)
            return {
                "claim": claim,
                "field": claim_field(state.model, pod, claim),
                "namespace": state.namespace,
            }
    return None


def _complaints(state: ModelState) -> Iterator[tuple[Manifest, str]]:
    for pod in state.unready_pods:
        for _, reason, message in pods.waiting_containers(pod):
            if reason in CONFIG_ERROR:
                yield pod, message
    yield from failed_mounts(state)


def _secret(state: ModelState, pod: Manifest, name: str) -> str:
    return secret_field(state.model, pod, name)


def _config_map(_: ModelState, pod: Manifest, name: str) -> str:
    return config_map_field(pod, name)


DETECTORS = (
    Detector(
        Reason.SECRET_MISSING,
        absent(SECRET, _secret),
        "{field} names the Secret {name}, which does not exist in the namespace {namespace}",
        "create it there, or correct {field}",
    ),
    Detector(
        Reason.SECRET_MISSING,
        absent(SECRET_KEY, _secret),
        "{field} names the Secret {name}, which has no entry {key}",
        "add the entry to the Secret, or correct {field}",
    ),
    Detector(
        Reason.VOLUME_MISSING,
        absent(CONFIG_MAP, _config_map),
        "{field} names the ConfigMap {name}, which does not exist in the namespace {namespace}",
        "create it there, or correct {field}",
    ),
    Detector(
        Reason.VOLUME_MISSING,
        claim_missing,
        "{field} names the PersistentVolumeClaim {claim}, which does not exist in the namespace {namespace}",
        "create it there, or correct {field}",
    ),
    Detector(
        Reason.VOLUME_MISSING,
        mount_failed,
        "the node cannot mount {what}: {quote}",
        "repair what the node complains of; `kubectl describe pod {pod}` shows each attempt",
    ),
    Detector(
        Reason.CONTAINER_NOT_CREATED,
        container_waits(CREATE_ERRORS),
        "the node cannot create the container {container}: {quote}",
    ),
)
