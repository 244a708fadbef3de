"""The kinds of object that a model is made of."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class ChildKind:
    """A kind of the Kubernetes API; an optional one is made only where the cluster serves it."""

    api_version: str
    kind: str
    plural: str
    optional: bool = False

    @property
    def group(self) -> str:
        """The API group; empty for the core API."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within the group."""
        return self.api_version.rpartition("/")[2]


CONFIG_MAP: Final = ChildKind("v1", "ConfigMap", "configmaps")
SERVICE_ACCOUNT: Final = ChildKind("v1", "ServiceAccount", "serviceaccounts")
SERVICE: Final = ChildKind("v1", "Service", "services")
DEPLOYMENT: Final = ChildKind("apps/v1", "Deployment", "deployments")
POD_DISRUPTION_BUDGET: Final = ChildKind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
HORIZONTAL_POD_AUTOSCALER: Final = ChildKind(
    "autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"
)
SCALED_OBJECT: Final = ChildKind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects", optional=True)
SERVICE_MONITOR: Final = ChildKind(
    "monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors", optional=True
)

# Made once and never read: see `sirocco_operator.reconcile.internal_secret`.
SECRET: Final = ChildKind("v1", "Secret", "secrets")

# In the order of writing: what pods need comes before the Deployment.
CHILD_KINDS: Final = (
    CONFIG_MAP,
    SERVICE_ACCOUNT,
    SERVICE,
    DEPLOYMENT,
    POD_DISRUPTION_BUDGET,
    HORIZONTAL_POD_AUTOSCALER,
    SCALED_OBJECT,
    SERVICE_MONITOR,
)
# The objects that change a Deployment's replica count: never two at a time.
AUTOSCALER_KINDS: Final = (HORIZONTAL_POD_AUTOSCALER, SCALED_OBJECT)
