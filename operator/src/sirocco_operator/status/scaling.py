"""Computes the condition ScalingActive: whether the replica count follows the load, and what decided it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sirocco_operator.api.autoscaling import Autoscaling
from sirocco_operator.children.metrics import Metric
from sirocco_operator.children.scaling import Target, targets
from sirocco_operator.kube.quantity import canonical
from sirocco_operator.settings import AutoscalingProvider
from sirocco_operator.status import pods
from sirocco_operator.status.messages import message, quotation
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.observed import Manifest, MetricsProvider
from sirocco_operator.status.scaling_reasons import SCALING_MEANINGS, ScalingReason

SCALING_ACTIVE: Final = "ScalingActive"

# The messages of these reasons change with the load, or with each attempt of the HPA controller.
_KEPT_MESSAGES: Final = (
    ScalingReason.SCALING_ON_TARGET,
    ScalingReason.SCALED_TO_MAXIMUM,
    ScalingReason.NO_METRICS,
    ScalingReason.SCALER_FAILED,
)


@dataclass(frozen=True)
class ScalingFinding:
    """The condition ScalingActive of a model; `desired_replicas` is None while not known."""

    reason: ScalingReason
    message: str
    desired_replicas: int | None

    @property
    def status(self) -> str:
        """The condition's status."""
        return str(SCALING_MEANINGS[self.reason].active)


def find_scaling(state: ModelState, previous: Mapping[str, Any]) -> ScalingFinding | None:
    """The finding, or None with a fixed count; `previous` is the status that the resource carries.

    A message describes the load at the moment of the decision. It is kept until the desired count, the reason
    or the resource changes, so that a changing load alone causes no write.
    """
    autoscaling = state.model.spec.autoscaling
    if autoscaling is None or state.observed.scaling is None:
        return None
    autoscaler = state.observed.scaling.autoscaler or {}
    desired = (autoscaler.get("status") or {}).get("desiredReplicas") or previous.get("desiredReplicas")
    before = previous.get("desiredReplicas")
    old = pods.condition({"status": previous}, SCALING_ACTIVE)
    serving = max(len(state.serving_pods), int(previous.get("readyReplicas") or 0))
    reason, cause, fix = _assess(state, autoscaling, autoscaler, state.observed.scaling.provider, serving)
    same = desired == before and old.get("observedGeneration") == state.model.metadata.generation
    if same and _stays_at_maximum(reason, old, desired == autoscaling.max_replicas):
        # A load around the capacity of maxReplicas must not flip the reason with every reading.
        reason = ScalingReason.SCALED_TO_MAXIMUM
    if same and old.get("reason") == reason and reason in _KEPT_MESSAGES:
        return ScalingFinding(reason, old["message"], desired)
    if SCALING_MEANINGS[reason].active:
        cause = f"{_change(before, desired)}: {cause}"
    advice = SCALING_MEANINGS[reason].fix if fix is None else fix
    return ScalingFinding(reason, message(cause, advice), desired)


def _stays_at_maximum(reason: ScalingReason, old: Mapping[str, Any], at_maximum: bool) -> bool:
    return (
        at_maximum
        and reason is ScalingReason.SCALING_ON_TARGET
        and old.get("reason") == ScalingReason.SCALED_TO_MAXIMUM
    )


def _assess(
    state: ModelState, autoscaling: Autoscaling, autoscaler: Manifest, provider: MetricsProvider, serving: int
) -> tuple[ScalingReason, str, str | None]:
    """The reason, its cause, and the fix where it is not the reason's own.

    `serving` is the larger of two counts, the pods that serve now and those of the previous status: some may
    just have gone.
    """
    if trouble := _provider_trouble(provider):
        return trouble
    able, active = pods.condition(autoscaler, "AbleToScale"), pods.condition(autoscaler, SCALING_ACTIVE)
    if able.get("status") == "False":
        return ScalingReason.SCALER_FAILED, quotation(str(able.get("message", ""))), None
    if not active:
        return ScalingReason.SCALING_PENDING, "the HPA controller has not looked at the model yet", None
    if active.get("status") != "True":
        if not state.serving_pods:
            return ScalingReason.SCALING_PENDING, "no replica serves yet, whose load could be measured", None
        failures = [each.failure for each in provider.servers or () if each.failure]
        failure = failures[0] if failures else str(active.get("message", ""))
        return ScalingReason.NO_METRICS, f"the HPA controller gets no figures: {quotation(failure)}", None
    cause = "; ".join(_loads(state, autoscaling, autoscaler, serving)) or (
        f"at least {autoscaling.min_replicas}, at most {autoscaling.max_replicas} are allowed"
    )
    limited = pods.condition(autoscaler, "ScalingLimited")
    if limited.get("status") == "True" and limited.get("reason") == "TooManyReplicas":
        return ScalingReason.SCALED_TO_MAXIMUM, cause, None
    return ScalingReason.SCALING_ON_TARGET, cause, None


def _provider_trouble(provider: MetricsProvider) -> tuple[ScalingReason, str, str] | None:
    missing = ScalingReason.METRICS_PROVIDER_MISSING
    if provider.mode is AutoscalingProvider.KEDA:
        if provider.keda:
            return None
        return (
            missing,
            "the operator scales through KEDA, and the cluster has no keda.sh/v1alpha1",
            "install KEDA, or set the chart's autoscaling.provider to builtin",
        )
    if provider.mode is AutoscalingProvider.BUILTIN and provider.namespaced:
        return (
            missing,
            "the operator is installed for given namespaces, where it cannot serve custom.metrics.k8s.io, "
            "an API of the whole cluster",
            "install it for the whole cluster (watchNamespaces: []), or set the chart's autoscaling.provider "
            "to keda or external",
        )
    if provider.servers is None:
        return None
    if provider.mode is AutoscalingProvider.BUILTIN:
        others = [each.served_by for each in provider.servers if each.served_by != provider.service]
        if others:
            reason = ScalingReason.METRICS_PROVIDER_CONFLICT
            return reason, f"custom.metrics.k8s.io is served by {others[0]}", SCALING_MEANINGS[reason].fix
        if not provider.servers:
            cause = "the operator's APIService v1beta2.custom.metrics.k8s.io does not exist"
            return missing, cause, "run `helm upgrade` again, which makes it"
    elif not provider.servers:
        return (
            missing,
            "nothing serves custom.metrics.k8s.io",
            "install prometheus-adapter with the rules of docs/autoscaling.md, or set the chart's "
            "autoscaling.provider to builtin",
        )
    return None


def _change(before: int | None, desired: int | None) -> str:
    if before and before != desired:
        return f"{before} → {desired}"
    return "1 replica" if desired == 1 else f"{desired} replicas"


def _loads(state: ModelState, autoscaling: Autoscaling, autoscaler: Manifest, serving: int) -> Iterator[str]:
    """Each figure with its target, in the order of the HPA's metrics; failed ones are left out."""
    current = (autoscaler.get("status") or {}).get("currentMetrics") or ()
    for target, metric in zip(targets(state.model, autoscaling), current, strict=False):
        # The field is named after the type: Pods for ours, External for KEDA's.
        current_value = (metric.get(str(metric.get("type", "")).lower()) or {}).get("current") or {}
        value = current_value.get("averageValue", current_value.get("value"))
        if value is not None:
            yield _load(target, float(canonical(value)), _measured_pods(autoscaler, metric, serving))


def _measured_pods(autoscaler: Manifest, metric: Mapping[str, Any], serving: int) -> int:
    """How many pods an average covers: those of the existing pods that served at the decision.

    KEDA's average divides a total by all existing pods.
    """
    existing = int((autoscaler.get("status") or {}).get("currentReplicas") or 0)
    return min(serving, existing) if metric.get("type") == "Pods" else existing


def _load(target: Target, value: float, measured_pods: int) -> str:
    if target.metric == Metric.IN_FLIGHT:
        return f"{round(value * measured_pods)} in flight, target {target.value:g} a replica"
    if target.metric == Metric.QUEUE_WAIT:
        return f"requests wait {value:.3g} s, target {target.value:g} s"
    return f"KV cache {value:.0%} full, target {target.value:.0%}"
