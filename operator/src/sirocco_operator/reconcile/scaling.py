"""What the status tells of a model's autoscaling: the autoscaler, and who serves its metrics."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.scaled_object import keda_autoscaler_name
from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.kinds import HORIZONTAL_POD_AUTOSCALER, SCALED_OBJECT, Kind
from sirocco_operator.reconcile.metrics_providers import MetricsProviders
from sirocco_operator.settings import AutoscalingProvider, Settings
from sirocco_operator.status.observed import Manifest, MetricsProvider, Scaling
from sirocco_operator.status.pods import condition
from sirocco_operator.status.scaling import SCALING_ACTIVE

# Seconds after which KEDA's HPA, which no watch tells of, is read again.
_AUTOSCALER_SECONDS: Final = 15.0


class ScalingReader:
    """Reads what the status tells of a model's autoscaling."""

    def __init__(
        self,
        kube: Kube,
        settings: Settings,
        available: Callable[[], frozenset[Kind]],
        providers: MetricsProviders,
    ) -> None:
        self._kube = kube
        self._settings = settings
        self._available = available
        self._providers = providers

    async def read(self, model: InferenceModel, autoscaler: Manifest | None) -> Scaling | None:
        """None with a fixed count; `autoscaler` is the model's own HPA. Raises ApiError."""
        if model.spec.autoscaling is None:
            return None
        settings = self._settings
        provider = MetricsProvider(
            mode=settings.autoscaling_provider,
            service=f"{settings.namespace}/{settings.metrics_api_service}",
            namespaced=bool(settings.namespaces),
            keda=SCALED_OBJECT in self._available(),
            servers=await self._providers.servers(),
        )
        if settings.autoscaling_provider == AutoscalingProvider.KEDA:
            namespace, name = model.metadata.namespace, keda_autoscaler_name(model)
            autoscaler = await self._kube.get(HORIZONTAL_POD_AUTOSCALER, namespace, name)
        return Scaling(autoscaler, provider)

    def again_after(self, status: Mapping[str, Any]) -> float | None:
        """In how many seconds to look again at a model with this status, None when news come."""
        scaled = bool(condition({"status": status}, SCALING_ACTIVE))
        by_keda = self._settings.autoscaling_provider == AutoscalingProvider.KEDA
        return _AUTOSCALER_SECONDS if scaled and by_keda else None
