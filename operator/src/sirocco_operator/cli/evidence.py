"""What `sirocco explain` reads of the cluster: the model, what it is made of, and what was said about it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from sirocco_operator.api.parse import InvalidResource, parse
from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.labels import selector_string
from sirocco_operator.children.pod.template import ENGINE_CONTAINER
from sirocco_operator.children.pod.weights import DOWNLOAD_CONTAINER
from sirocco_operator.controller.store import Manifest, controller_uid
from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import DEPLOYMENT, EVENT, LEASE, MODEL, POD, Kind
from sirocco_operator.reconcile.claims import CLAIM_NAME
from sirocco_operator.reconcile.placement import PlacementReader, happened
from sirocco_operator.status import pods as pod_facts
from sirocco_operator.status.messages import error_lines, quotation
from sirocco_operator.status.observed import Observed

# Pods whose events are read, and of those the ones whose logs are; the others are in the same state.
PODS_READ: Final = 8
LOGS_READ: Final = 2
# Lines of a log that are read, and of those the ones that are kept.
_LINES_READ: Final = 300
_LINES_KEPT: Final = 6

Read = TypeVar("Read")


@dataclass(frozen=True)
class LogLines:
    """The telling lines of a container's log; `previous`: of its run before the restart."""

    pod: str
    container: str
    previous: bool
    lines: Sequence[str]


@dataclass(frozen=True)
class Evidence:
    """What was read of one model; what could not be read is said in `unread`."""

    raw: Manifest
    model: InferenceModel | None
    problem: str
    observed: Observed
    # Of the model, its Deployment and its pods, oldest first.
    events: Sequence[Manifest] = ()
    # The Lease of the operator that serves the namespace, as namespace/name, and that object: None when it
    # does not exist or may not be read.
    lease_of: str = ""
    lease: Manifest | None = None
    logs: Sequence[LogLines] = ()
    unread: Sequence[str] = ()


async def gather(kube: Kube, namespace: str, name: str, lease_of: str) -> Evidence | None:
    """Read the evidence about a model; None when there is no such model. Raises ApiError.

    `lease_of` is the operator's Lease as namespace/name where the model's namespace does not name it.
    """
    raw = await kube.get(MODEL, namespace, name)
    if raw is None:
        return None
    model: InferenceModel | None = None
    problem = ""
    try:
        model = parse(raw)
    except InvalidResource as error:
        problem = str(error)
    reader = _Reader(kube, namespace)
    deployment = await reader.get(DEPLOYMENT, namespace, name)
    if deployment is not None and controller_uid(deployment) != raw["metadata"]["uid"]:
        deployment = None
    pods = await reader.objects(POD, labels=selector_string(name))
    waiting = [pod for pod in pods if not pod_facts.is_ready(pod)][:PODS_READ]
    of_pods = [event for pod in waiting for event in await reader.events_of(pod)]
    events = [event for each in (raw, deployment) if each for event in await reader.events_of(each)]
    unplaced = [pod for pod in waiting if pod_facts.is_unschedulable(pod)]
    placement = PlacementReader(kube)
    claim = await reader.get(LEASE, namespace, CLAIM_NAME) or {}
    owner = str((claim.get("spec") or {}).get("holderIdentity") or "")
    lease_of = owner if owner.count("/") == 1 else lease_of
    nodes = await reader.attempt("nodes", placement.nodes) if unplaced else ()
    observed = Observed(
        deployment=deployment,
        pods=pods,
        events=sorted(of_pods, key=happened),
        nodes=nodes or (),
        gpu_holders=await placement.gpu_holders(nodes, unplaced) if nodes else (),
        claims=await placement.claims(namespace, waiting),
    )
    return Evidence(
        raw=raw,
        model=model,
        problem=problem,
        observed=observed,
        events=sorted([*events, *of_pods], key=happened),
        lease_of=lease_of,
        lease=await reader.get(LEASE, *lease_of.split("/")),
        logs=[each for pod in waiting[:LOGS_READ] for each in await reader.logs(pod)],
        unread=reader.unread,
    )


class _Reader:
    """Reads what these credentials may read, and notes what they may not."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self.unread: list[str] = []

    async def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        """One object; None when it does not exist or may not be read."""
        return await self.attempt(
            f"{kind.plural} in {namespace}", lambda: self._kube.get(kind, namespace, name)
        )

    async def objects(self, kind: Kind, labels: str = "", fields: str = "") -> Sequence[Manifest]:
        """The objects of the model's namespace; empty when they may not be read."""

        async def read() -> list[Manifest]:
            chunks = self._kube.list_chunks(kind, self._namespace, labels=labels, fields=fields)
            return [each async for chunk in chunks for each in chunk.objects]

        return await self.attempt(f"{kind.plural} in {self._namespace}", read) or ()

    async def events_of(self, of: Manifest) -> Sequence[Manifest]:
        """The events of an object."""
        return await self.objects(EVENT, fields=f"involvedObject.uid={of['metadata']['uid']}")

    async def logs(self, pod: Manifest) -> list[LogLines]:
        """The telling lines of what the pod's containers wrote, in this run and in the one before."""
        found: list[LogLines] = []
        for container in (DOWNLOAD_CONTAINER, ENGINE_CONTAINER):
            for previous in _runs(pod, container):
                text = await self.attempt("logs of pods", partial(self._log, pod, container, previous))
                if lines := error_lines(text or "", _LINES_KEPT):
                    found.append(LogLines(pod_facts.name(pod), container, previous, lines))
        return found

    async def _log(self, pod: Manifest, container: str, previous: bool) -> str:
        try:
            return await self._kube.log_tail(
                self._namespace, pod_facts.name(pod), container, previous=previous, lines=_LINES_READ
            )
        except ApiError as error:
            # The node has dropped the log of that run already, or there is none yet.
            if error.status == 400:
                return ""
            raise

    async def attempt(self, what: str, read: Callable[[], Awaitable[Read]]) -> Read | None:
        """What `read` returns; None when it may not or cannot be read."""
        try:
            return await read()
        except ApiError as error:
            if error.status in (401, 403):
                note = f"the {what} may not be read with these credentials"
            else:
                note = f"the {what} cannot be read: {quotation(error.message)}"
            if note not in self.unread:
                self.unread.append(note)
            return None


def _runs(pod: Manifest, container: str) -> list[bool]:
    """The runs of a container that have a log, by whether they are the one before; the older first."""
    status = pod_facts.container_status(pod, container)
    states = (("lastState", True), ("state", False))
    return [
        previous for key, previous in states if (status.get(key) or {}).keys() & {"running", "terminated"}
    ]
