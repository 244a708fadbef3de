"""A model with its observed objects, as detectors query it: which pods count, which revision is current."""

from dataclasses import dataclass
from functools import cached_property

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.status import pods
from sirocco_operator.status.observed import Manifest, Observed


@dataclass(frozen=True)
class ModelState:
    """A model and its observed objects."""

    model: InferenceModel
    observed: Observed

    @property
    def namespace(self) -> str:
        """The model's namespace."""
        return self.model.metadata.namespace

    @property
    def wanted_replicas(self) -> int:
        """How many pods should serve; with autoscaling, the Deployment's count within its bounds."""
        autoscaling = self.model.spec.autoscaling
        if autoscaling is None:
            return self.model.spec.replicas
        replicas = ((self.observed.deployment or {}).get("spec") or {}).get("replicas")
        return autoscaling.clamp(autoscaling.min_replicas if replicas is None else int(replicas))

    @cached_property
    def live_pods(self) -> tuple[Manifest, ...]:
        """Pods that run or may still run, sorted by name."""
        alive = (
            pod for pod in self.observed.pods if not pods.has_finished(pod) and not pods.is_terminating(pod)
        )
        return tuple(sorted(alive, key=pods.name))

    @cached_property
    def revision(self) -> str:
        """The revision that the Deployment has; empty for one of release 0.1.0, whose pods have none."""
        template = ((self.observed.deployment or {}).get("spec") or {}).get("template")
        return pods.revision(template) if template else ""

    @cached_property
    def current_pods(self) -> tuple[Manifest, ...]:
        """Live pods of the newest revision."""
        return tuple(pod for pod in self.live_pods if pods.revision(pod) == self.revision)

    @cached_property
    def serving_pods(self) -> tuple[Manifest, ...]:
        """Live pods of any revision that receive the Service's requests."""
        return tuple(pod for pod in self.live_pods if pods.is_ready(pod))

    @cached_property
    def unready_pods(self) -> tuple[Manifest, ...]:
        """Live pods of the newest revision that do not serve; most detectors read these."""
        return tuple(pod for pod in self.current_pods if not pods.is_ready(pod))

    @cached_property
    def is_rolling_out(self) -> bool:
        """Whether pods of an older revision still serve."""
        return any(pods.revision(pod) != self.revision for pod in self.serving_pods)

    @property
    def has_its_pods(self) -> bool:
        """Whether there are the pods of the newest revision: as many as wanted, or some beside older ones."""
        if len(self.current_pods) < len(self.live_pods):
            return bool(self.current_pods)
        return len(self.current_pods) == self.wanted_replicas

    @property
    def is_seen(self) -> bool:
        """Whether the Deployment's controller has acted on the last change of the Deployment."""
        deployment = self.observed.deployment or {}
        status = deployment.get("status") or {}
        generation = int((deployment.get("metadata") or {}).get("generation") or 0)
        return int(status.get("observedGeneration") or 0) >= generation

    @property
    def is_as_asked(self) -> bool:
        """Whether pods of the newest revision alone serve, as many as the spec asks for at least."""
        if self.observed.refusals or self.observed.taken_back or self.is_rolling_out:
            return False
        if not self.wanted_replicas:
            return all(pods.has_finished(pod) for pod in self.observed.pods)
        autoscaling = self.model.spec.autoscaling
        if autoscaling is not None:
            return len(self.serving_pods) >= autoscaling.min_replicas
        is_scaled_down = self.is_seen or len(self.current_pods) <= self.wanted_replicas
        return is_scaled_down and len(self.serving_pods) >= self.wanted_replicas

    @property
    def serving_share(self) -> str:
        """How many replicas serve, as a phrase."""
        return f"{min(len(self.serving_pods), self.wanted_replicas)} of {self.wanted_replicas} replicas serve"

    def events_of(self, pod: Manifest) -> tuple[Manifest, ...]:
        """The pod's events, oldest first."""
        own = (
            event
            for event in self.observed.events
            if (event.get("involvedObject") or {}).get("name") == pods.name(pod)
        )
        return tuple(own)
