"""What a model's autoscaling depends on: who serves the figures, and the autoscaler's own status."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.scaled_object import keda_autoscaler_name
from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.kinds import HORIZONTAL_POD_AUTOSCALER, SCALED_OBJECT, Kind
from sirocco_operator.reconcile.providers import ProviderWatch
from sirocco_operator.settings import Settings
from sirocco_operator.status.observed import Manifest, MetricsProvider, ProviderMode, Scaling
from sirocco_operator.status.pods import condition
from sirocco_operator.status.scaling import SCALING_ACTIVE

# Seconds after which KEDA's HPA, which no watch tells of, is read again.
_AUTOSCALER_SECONDS: Final = 15.0


class ScalingObserver:
    """Puts it together on demand."""

    def __init__(
        self,
        kube: Kube,
        settings: Settings,
        available: Callable[[], frozenset[Kind]],
        providers: ProviderWatch,
    ) -> None:
        self._kube = kube
        self._settings = settings
        self._available = available
        self._providers = providers

    async def look(self, model: InferenceModel, children: Sequence[Manifest]) -> Scaling | None:
        """None with a fixed count; raises ApiError when the API server cannot say."""
        if model.spec.autoscaling is None:
            return None
        settings = self._settings
        provider = MetricsProvider(
            mode=ProviderMode(settings.autoscaling_provider),
            service=f"{settings.namespace}/{settings.metrics_api_service}",
            namespaced=bool(settings.namespaces),
            keda=SCALED_OBJECT in self._available(),
            servers=await self._providers.servers(),
        )
        return Scaling(await self._autoscaler(model, children), provider)

    def again_after(self, status: Mapping[str, Any]) -> float | None:
        """In how many seconds to look again at a model with this status, None when news come."""
        scaled = bool(condition({"status": status}, SCALING_ACTIVE))
        return _AUTOSCALER_SECONDS if scaled and self._settings.autoscaling_provider == "keda" else None

    async def _autoscaler(self, model: InferenceModel, children: Sequence[Manifest]) -> Manifest | None:
        kind = HORIZONTAL_POD_AUTOSCALER
        if self._settings.autoscaling_provider == "keda":
            return await self._kube.get(kind, model.metadata.namespace, keda_autoscaler_name(model))
        return next((child for child in children if child["kind"] == kind.kind), None)
