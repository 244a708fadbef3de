"""A model's replicas and the HPA controller over them, simulated by events; times are seconds.

The HPA is the one of Kubernetes 1.35, pkg/controller/podautoscaler: replica_calculator.go (pods without a
figure, tolerance) and horizontal.go (stabilization, policies).
"""

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

SYNC: Final = 15.0
TOLERANCE: Final = 0.1


@dataclass(frozen=True)
class Hardware:
    """How an engine does: a sequence's time for a token with `n` in the batch is `base` + `slope` * n."""

    batch: int
    base: float
    slope: float
    load_seconds: float


@dataclass(frozen=True)
class Request:
    """One request, and how many tokens it will take."""

    arrives: float
    tokens: int


@dataclass(eq=False)
class Pod:
    """One replica: it loads, serves a batch and a queue, drains, and is gone."""

    created: float
    ready_at: float
    drains: bool = False
    gone_at: float | None = None
    queue: deque[Request] = field(default_factory=deque)
    # Tokens that each sequence of the batch has had since the pod began; ends are in the same count.
    clock: float = 0.0
    seen: float = 0.0
    batch: list[tuple[float, int]] = field(default_factory=list)

    @property
    def in_flight(self) -> int:
        """Requests that it serves or keeps waiting."""
        return len(self.batch) + len(self.queue)


@dataclass(frozen=True)
class Rule:
    """What an HPA is told: the figure of the pods, how it is averaged, its target and its behavior.

    `shared` is KEDA's way, an external metric: the sum is divided by the target, whoever has it.
    """

    name: str
    figure: Callable[[Pod], float]
    target: float
    behavior: Mapping[str, Any]
    shared: bool = False


class Autoscaler:
    """What the HPA controller keeps between its looks, and how it decides."""

    def __init__(self, rule: Rule, least: int, most: int) -> None:
        self._rule = rule
        self._least, self._most = least, most
        self._recommendations: list[tuple[float, int]] = []
        self._changes: list[tuple[float, int]] = []

    def look(self, now: float, pods: Sequence[Pod]) -> int:
        """The count that it sets for these pods, of which none drains."""
        current = len(pods)
        wanted = self._stabilized(now, current, self._proposal(now, pods))
        wanted = self._limited(now, current, wanted)
        if wanted != current:
            self._changes.append((now, wanted - current))
        return wanted

    def _proposal(self, now: float, pods: Sequence[Pod]) -> int:
        rule, current = self._rule, len(pods)
        values = [rule.figure(pod) for pod in pods if pod.ready_at <= now]
        if rule.shared:
            ratio = sum(values) / (rule.target * current)
            return current if _near(ratio) else math.ceil(sum(values) / rule.target)
        if not values:
            return current
        ratio = sum(values) / len(values) / rule.target
        missing = current - len(values)
        if not missing:
            return current if _near(ratio) else math.ceil(ratio * current)
        values += [rule.target if ratio < 1 else 0.0] * missing
        again = sum(values) / len(values) / rule.target
        if _near(again) or (ratio < 1) != (again < 1):
            return current
        proposed = math.ceil(again * len(values))
        return current if (proposed > current) != (again > 1) else proposed

    def _stabilized(self, now: float, current: int, proposed: int) -> int:
        up, down = (self._rule.behavior[way] for way in ("scaleUp", "scaleDown"))
        lowest = highest = proposed
        for at, count in self._recommendations:
            if at > now - up["stabilizationWindowSeconds"]:
                lowest = min(lowest, count)
            if at > now - down["stabilizationWindowSeconds"]:
                highest = max(highest, count)
        self._recommendations.append((now, proposed))
        return min(max(current, lowest), highest)

    def _limited(self, now: float, current: int, wanted: int) -> int:
        if wanted == current:
            return min(max(wanted, self._least), self._most)
        sign = 1 if wanted > current else -1
        rules = self._rule.behavior["scaleUp" if sign > 0 else "scaleDown"]
        allowed = []
        for policy in rules["policies"]:
            since = now - policy["periodSeconds"]
            began = current - sum(change for at, change in self._changes if at > since)
            if policy["type"] == "Pods":
                allowed.append(began + sign * policy["value"])
            elif sign > 0:
                allowed.append(math.ceil(began * (1 + policy["value"] / 100)))
            else:
                allowed.append(int(began * (1 - policy["value"] / 100)))
        furthest = max(allowed, key=lambda count: sign * count)
        limit = max(current, furthest) if sign > 0 else min(current, furthest)
        wanted = min(wanted, limit) if sign > 0 else max(wanted, limit)
        return min(max(wanted, self._least), self._most)


def _near(ratio: float) -> bool:
    return 1 - TOLERANCE <= ratio <= 1 + TOLERANCE


@dataclass(frozen=True)
class Outcome:
    """What a run cost, and how long requests waited for the engine."""

    replica_minutes: float
    waits: Sequence[float]
    most_replicas: int
    changes: int

    def late(self, objective: float) -> float:
        """The share of requests that waited longer."""
        return sum(wait > objective for wait in self.waits) / len(self.waits)


class Simulation:
    """One run of a trace of requests; the same seed gives the same run."""

    def __init__(self, hardware: Hardware, rule: Rule | None, least: int, most: int, seed: int = 1) -> None:
        """Without a rule the count stays at the most."""
        self._hardware = hardware
        self._autoscaler = Autoscaler(rule, least, most) if rule else None
        self._random = random.Random(seed)  # noqa: S311 -- which pod a Service picks
        self._pods = [Pod(0.0, 0.0) for _ in range(least if rule else most)]
        self._events: list[tuple[float, int, str, Any]] = []
        self._order = itertools.count()
        self._waits: list[float] = []
        self._changes = 0
        self._most_seen = len(self._pods)

    def run(self, requests: Sequence[Request]) -> Outcome:
        """Serve all of them, and count until the last has its answer."""
        for request in requests:
            self._at(request.arrives, "arrive", request)
        last = requests[-1].arrives
        if self._autoscaler:
            for look in range(int(last // SYNC) + 1):
                self._at(look * SYNC + 0.5, "look", None)
        now = 0.0
        while self._events:
            now, _, what, subject = heapq.heappop(self._events)
            match what:
                case "arrive":
                    self._arrive(now, subject)
                case "end":
                    pod, clock = subject
                    # Only the newest forecast of a pod's next end holds.
                    if clock == (pod.seen, len(pod.batch)):
                        self._end(now, pod)
                case _:
                    self._look(now)
        held = ((pod.gone_at if pod.gone_at is not None else now) - pod.created for pod in self._pods)
        return Outcome(sum(held) / 60, self._waits, self._most_seen, self._changes)

    def _at(self, when: float, what: str, subject: Any) -> None:
        heapq.heappush(self._events, (when, next(self._order), what, subject))

    def _arrive(self, now: float, request: Request) -> None:
        ready = [pod for pod in self._pods if pod.ready_at <= now and not pod.drains]
        pod = self._random.choice(ready)
        self._advance(now, pod)
        pod.queue.append(request)
        self._fill(now, pod)

    def _end(self, now: float, pod: Pod) -> None:
        self._advance(now, pod)
        while pod.batch and pod.batch[0][0] <= pod.clock + 1e-6:
            heapq.heappop(pod.batch)
        self._fill(now, pod)
        self._leave(now, pod)

    def _fill(self, now: float, pod: Pod) -> None:
        while pod.queue and len(pod.batch) < self._hardware.batch:
            request = pod.queue.popleft()
            self._waits.append(now - request.arrives)
            heapq.heappush(pod.batch, (pod.clock + request.tokens, next(self._order)))
        if pod.batch:
            after = (pod.batch[0][0] - pod.clock) * self._token_seconds(pod)
            self._at(now + after, "end", (pod, (pod.seen, len(pod.batch))))

    def _advance(self, now: float, pod: Pod) -> None:
        if pod.batch:
            pod.clock += (now - pod.seen) / self._token_seconds(pod)
        pod.seen = now

    def _token_seconds(self, pod: Pod) -> float:
        return self._hardware.base + self._hardware.slope * len(pod.batch)

    def _look(self, now: float) -> None:
        assert self._autoscaler is not None
        pods = [pod for pod in self._pods if not pod.drains]
        wanted = self._autoscaler.look(now, pods)
        self._changes += wanted != len(pods)
        for _ in range(wanted - len(pods)):
            self._pods.append(Pod(now, now + self._hardware.load_seconds))
        # As a ReplicaSet chooses: those that are not ready first, then the newest.
        pods.sort(key=lambda pod: (pod.ready_at > now, pod.created), reverse=True)
        for pod in pods[: max(0, len(pods) - wanted)]:
            pod.drains = True
            self._leave(now, pod)
        self._most_seen = max(self._most_seen, wanted)

    def _leave(self, now: float, pod: Pod) -> None:
        if pod.drains and pod.gone_at is None and not pod.in_flight:
            pod.gone_at = now
