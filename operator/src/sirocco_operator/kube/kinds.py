"""The kinds of the API that the operator reads or writes, and where their objects are."""

from dataclasses import dataclass
from typing import Final

from sirocco_operator.api import v1alpha1


@dataclass(frozen=True)
class Kind:
    """A kind of the Kubernetes API; an optional one is used only where the cluster serves it."""

    api_version: str
    """Group and version; `v1` for the core API."""

    kind: str
    plural: str
    """The kind's name in URLs."""

    optional: bool = False

    @property
    def group(self) -> str:
        """The API group; empty for the core API."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within the group."""
        return self.api_version.rpartition("/")[2]

    @property
    def full_name(self) -> str:
        """`apiVersion/Kind`, as the store names it."""
        return f"{self.api_version}/{self.kind}"


MODEL: Final = Kind(v1alpha1.API_VERSION, v1alpha1.KIND, v1alpha1.PLURAL)
API_SERVICE: Final = Kind("apiregistration.k8s.io/v1", "APIService", "apiservices")
CONFIG_MAP: Final = Kind("v1", "ConfigMap", "configmaps")
CONTROLLER_REVISION: Final = Kind("apps/v1", "ControllerRevision", "controllerrevisions")
DEPLOYMENT: Final = Kind("apps/v1", "Deployment", "deployments")
EVENT: Final = Kind("v1", "Event", "events")
# The same objects as of EVENT, in the API that they are written by today.
MODEL_EVENT: Final = Kind("events.k8s.io/v1", "Event", "events")
HORIZONTAL_POD_AUTOSCALER: Final = Kind(
    "autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"
)
LEASE: Final = Kind("coordination.k8s.io/v1", "Lease", "leases")
NODE: Final = Kind("v1", "Node", "nodes")
PERSISTENT_VOLUME_CLAIM: Final = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
POD: Final = Kind("v1", "Pod", "pods")
POD_DISRUPTION_BUDGET: Final = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
REPLICA_SET: Final = Kind("apps/v1", "ReplicaSet", "replicasets")
SCALED_OBJECT: Final = Kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects", optional=True)
SECRET: Final = Kind("v1", "Secret", "secrets")
SERVICE: Final = Kind("v1", "Service", "services")
SERVICE_ACCOUNT: Final = Kind("v1", "ServiceAccount", "serviceaccounts")
SERVICE_MONITOR: Final = Kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors", optional=True)
SUBJECT_ACCESS_REVIEW: Final = Kind("authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews")

# In the order of writing: what pods need comes before the Deployment.
CHILD_KINDS: Final = (
    CONFIG_MAP,
    CONTROLLER_REVISION,
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


def root_of(kind: Kind) -> str:
    """The URL path of an API's group and version."""
    return f"/api/{kind.api_version}" if "/" not in kind.api_version else f"/apis/{kind.api_version}"


def path_of(kind: Kind, namespace: str | None, name: str = "") -> str:
    """The URL path of an object, or of a kind's collection for an empty name."""
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"{root_of(kind)}{where}/{kind.plural}" + (f"/{name}" if name else "")
