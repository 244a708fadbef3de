"""What a model's autoscaling depends on: who serves the figures, and the autoscaler's own status."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.kinds import HORIZONTAL_POD_AUTOSCALER, SCALED_OBJECT, ChildKind
from sirocco_operator.children.scaled_object import keda_autoscaler_name
from sirocco_operator.errors import ApiError
from sirocco_operator.kube import Kube
from sirocco_operator.resources import API_SERVICE
from sirocco_operator.settings import Settings
from sirocco_operator.status.observed import ApiServer, Manifest, MetricsProvider, ProviderMode, Scaling
from sirocco_operator.status.pods import condition
from sirocco_operator.status.scaling import SCALING_ACTIVE

# Seconds after which a model is looked at again where no watch tells of a change.
LOOK_SECONDS: Final = 15.0

# The HPA controller takes the version that discovery prefers of these two.
# https://github.com/kubernetes/metrics/blob/v0.35.4/pkg/client/custom_metrics/discovery.go
_API_SERVICES: Final = ("v1beta2.custom.metrics.k8s.io", "v1beta1.custom.metrics.k8s.io")


class ScalingObserver:
    """Reads it on demand; who serves the figures is the same for all models and kept for some seconds."""

    def __init__(
        self,
        kube: Kube,
        settings: Settings,
        available: Callable[[], frozenset[ChildKind]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._settings = settings
        self._available = available
        self._clock = clock
        self._servers: tuple[ApiServer, ...] | None = None
        self._read_at = float("-inf")

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
            servers=await self._current_servers(),
        )
        return Scaling(await self._autoscaler(model, children), provider)

    def again_after(self, status: Mapping[str, Any]) -> float | None:
        """In how many seconds to look again at a model with this status, None when a watch tells of changes.

        None tells of KEDA's HPA, nor of who serves the figures, which matters as long as there are none.
        """
        active = condition({"status": status}, SCALING_ACTIVE)
        if not active:
            return None
        watched = active["status"] == "True" and self._settings.autoscaling_provider != "keda"
        return None if watched else LOOK_SECONDS

    async def _autoscaler(self, model: InferenceModel, children: Sequence[Manifest]) -> Manifest | None:
        kind = HORIZONTAL_POD_AUTOSCALER
        if self._settings.autoscaling_provider == "keda":
            return await self._kube.get(kind, model.metadata.namespace, keda_autoscaler_name(model))
        return next((child for child in children if child["kind"] == kind.kind), None)

    async def _current_servers(self) -> tuple[ApiServer, ...] | None:
        """None where they do not matter, or may not be read."""
        if self._settings.namespaces or self._settings.autoscaling_provider == "keda":
            return None
        # A little less than the time of the next look, which must not find the same reading.
        if self._clock() - self._read_at > LOOK_SECONDS * 0.8:
            self._servers = await self._read_servers()
            self._read_at = self._clock()
        return self._servers

    async def _read_servers(self) -> tuple[ApiServer, ...] | None:
        try:
            found = [await self._kube.get(API_SERVICE, None, name) for name in _API_SERVICES]
        except ApiError as error:
            if error.status != 403:
                raise
            return None
        return tuple(_server(each) for each in found if each is not None)


def _server(api_service: Mapping[str, Any]) -> ApiServer:
    service = (api_service.get("spec") or {}).get("service")
    available = condition(api_service, "Available")
    return ApiServer(
        served_by=f"{service['namespace']}/{service['name']}" if service else "the API server itself",
        failure="" if available.get("status") == "True" else str(available.get("message") or "not ready yet"),
    )
