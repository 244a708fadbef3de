"""Detectors for children that could not be written and pods that the API server refuses to create."""

import re
from collections.abc import Iterator, Mapping

from sirocco_operator.children.pod.template import ENGINE_CONTAINER
from sirocco_operator.children.pod.weights import DOWNLOAD_CONTAINER
from sirocco_operator.status import pods
from sirocco_operator.status.detector import Detect, Detector
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import RefusalCause
from sirocco_operator.status.reasons import Reason

# Kubernetes gives these causes in words alone; they choose the sentence, never what is done.
# The refused pod's name differs at each attempt.
ATTEMPT = re.compile(r'^pods "[^"]+" is forbidden: ')
# The messages of the API server's admission plugins: ResourceQuota, ServiceAccount, Priority, RuntimeClass.
QUOTA = re.compile(
    r"exceeded quota: (?P<quota>\S+), requested: (?P<requested>.+), used: (?P<used>.+), limited: "
    r"(?P<limited>.+)"
)
MUST_SPECIFY = re.compile(r"failed quota: (?P<quota>\S+): must specify (?P<missing>.+)")
SERVICE_ACCOUNT = re.compile(
    r"error looking up service account \S+: serviceaccount \"(?P<name>[^\"]+)\" not found"
)
PRIORITY_CLASS = re.compile(r"no PriorityClass with name (?P<name>\S+) was found")
RUNTIME_CLASS = re.compile(r"RuntimeClass \"(?P<name>[^\"]+)\" not found")
# The containers whose resources the model sets.
CONTAINERS = {DOWNLOAD_CONTAINER, ENGINE_CONTAINER}


def child_refused(cause: RefusalCause) -> Detect:
    """Detects the first child that was refused for this cause."""

    def detect(state: ModelState) -> Mapping[str, str] | None:
        for refusal in state.observed.refusals:
            if refusal.cause is cause:
                return {"kind": refusal.kind, "name": refusal.name, "quote": refusal.message}
        return None

    return detect


def name_conflict(state: ModelState) -> Mapping[str, str] | None:
    """Detects all objects of others that have a child's name."""
    conflicts = [each for each in state.observed.refusals if each.cause is RefusalCause.NAME_CONFLICT]
    if not conflicts:
        return None
    *first, last = [f"{each.kind} {each.name}" for each in conflicts]
    if not first:
        return {"objects": f"{last} exists and is"}
    return {"objects": f"{', '.join(first)} and {last} exist and are"}


def creation_denied(pattern: re.Pattern[str] = re.compile("")) -> Detect:
    """Detects the first denial that matches the pattern; its named groups are values of placeholders."""

    def detect(state: ModelState) -> Mapping[str, str] | None:
        for what, quote in _denials(state):
            if found := pattern.search(quote):
                return {"what": what, "quote": quote, "namespace": state.namespace, **found.groupdict()}
        return None

    return detect


def resources_wanted(state: ModelState) -> Mapping[str, str] | None:
    """Detects a ResourceQuota that wants requests or limits which the model does not set."""
    if (found := creation_denied(MUST_SPECIFY)(state)) is None:
        return None
    fields = []
    for part in found["missing"].split("; "):
        resource, _, containers = part.partition(" for: ")
        # What a webhook puts into the pod has resources of its own.
        if not CONTAINERS & set(containers.split(",")):
            return None
        fields.append(resource if "." in resource else f"requests.{resource}")
    return {
        "quota": found["quota"],
        "wanted": " and ".join(fields),
        "fields": " and ".join(f"resources.{field}" for field in fields),
    }


def _denials(state: ModelState) -> Iterator[tuple[str, str]]:
    """What the API server refused to create, and its message."""
    for refusal in state.observed.refusals:
        if refusal.cause is RefusalCause.REJECTED:
            yield f"the {refusal.kind} {refusal.name}", refusal.message
    failure = pods.condition(state.observed.deployment or {}, "ReplicaFailure")
    # It may be left over from before a change, a scale-down or a stop.
    is_current = state.is_seen and len(state.current_pods) < state.wanted_replicas
    if failure.get("status") == "True" and is_current:
        yield "the model's pods", ATTEMPT.sub("", str(failure.get("message", "")))


DETECTORS = (
    Detector(
        Reason.RECONCILE_FAILED,
        child_refused(RefusalCause.FAILED),
        "the operator does not get to the end of its work on the model: {quote}",
    ),
    Detector(
        Reason.NAME_CONFLICT,
        name_conflict,
        "{objects} not of this model",
    ),
    Detector(
        Reason.IMAGE_VOLUMES_UNSUPPORTED,
        child_refused(RefusalCause.IMAGE_VOLUMES_UNSUPPORTED),
        "this cluster's API server drops image volumes, which model.uri with oci:// needs",
    ),
    Detector(
        Reason.QUOTA_EXCEEDED,
        creation_denied(QUOTA),
        "the ResourceQuota {quota} has no room for {what}: requested {requested}, used {used}, limited to "
        "{limited}",
    ),
    # Another version may word it otherwise.
    Detector(
        Reason.QUOTA_EXCEEDED,
        creation_denied(re.compile("exceeded quota")),
        "the API server refuses {what}: {quote}",
    ),
    Detector(
        Reason.CHILD_REJECTED,
        resources_wanted,
        "the ResourceQuota {quota} wants every container to have {wanted}, and the model does not set that",
        "set {fields}",
    ),
    Detector(
        Reason.SERVICE_ACCOUNT_MISSING,
        creation_denied(SERVICE_ACCOUNT),
        "the ServiceAccount {name} does not exist in the namespace {namespace}",
    ),
    Detector(
        Reason.CHILD_REJECTED,
        creation_denied(PRIORITY_CLASS),
        "priorityClassName is {name}, and the cluster has no PriorityClass of this name",
        "set priorityClassName to one that `kubectl get priorityclass` lists, or create it",
    ),
    Detector(
        Reason.CHILD_REJECTED,
        creation_denied(RUNTIME_CLASS),
        "runtimeClassName is {name}, and the cluster has no RuntimeClass of this name",
        "set runtimeClassName to one that `kubectl get runtimeclass` lists, or create it",
    ),
    Detector(
        Reason.CHILD_REJECTED,
        child_refused(RefusalCause.IMMUTABLE),
        "{kind} {name} has another {quote} than the model's, which Kubernetes lets nobody change",
        "delete it when the model may be away for a start, the operator makes it again at once",
    ),
    Detector(Reason.CHILD_REJECTED, creation_denied(), "the API server refuses {what}: {quote}"),
)
