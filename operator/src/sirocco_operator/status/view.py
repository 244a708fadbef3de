"""What detectors ask of an observation: which pods count, which revision is the wanted one."""

import re
from dataclasses import dataclass
from functools import cached_property

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.status import pods
from sirocco_operator.status.observed import Manifest, Observed

# The Deployment controller quotes the newest ReplicaSet in every message of its Progressing condition.
QUOTED_NAME = re.compile(r'"([^"]+)"')


@dataclass(frozen=True)
class View:
    """A model and what was observed of it."""

    model: InferenceModel
    observed: Observed

    @property
    def wanted(self) -> int:
        """How many pods should serve."""
        return self.model.spec.replicas

    @cached_property
    def live(self) -> tuple[Manifest, ...]:
        """Pods that run or may come to run, by name."""
        alive = (pod for pod in self.observed.pods if not pods.is_over(pod) and not pods.is_terminating(pod))
        return tuple(sorted(alive, key=pods.name))

    @cached_property
    def revision(self) -> str:
        """The template hash of the newest ReplicaSet; empty when there is no pod to tell."""
        known = {pods.revision(pod) for pod in self.observed.pods}
        progressing = pods.condition(self.observed.deployment or {}, "Progressing")
        quoted = QUOTED_NAME.search(str(progressing.get("message", "")))
        if quoted and (hash_ := quoted.group(1).rpartition("-")[2]) in known:
            return hash_
        newest = sorted(
            self.live, key=lambda pod: (str(pod["metadata"].get("creationTimestamp", "")), pods.name(pod))
        )
        return pods.revision(newest[-1]) if newest else ""

    @cached_property
    def current(self) -> tuple[Manifest, ...]:
        """Live pods of the newest revision."""
        return tuple(pod for pod in self.live if pods.revision(pod) == self.revision)

    @cached_property
    def serving(self) -> tuple[Manifest, ...]:
        """Live pods of any revision that the Service sends requests to."""
        return tuple(pod for pod in self.live if pods.is_ready(pod))

    @cached_property
    def unready(self) -> tuple[Manifest, ...]:
        """Live pods of the newest revision that do not serve: where a detector looks."""
        return tuple(pod for pod in self.current if not pods.is_ready(pod))

    @cached_property
    def is_rolling_out(self) -> bool:
        """Pods of an older revision still serve in place of new ones."""
        return any(pods.revision(pod) != self.revision for pod in self.serving)
