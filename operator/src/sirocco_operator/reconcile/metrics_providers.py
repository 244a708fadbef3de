"""Which API servers serve the metrics that models are scaled by."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import API_SERVICE
from sirocco_operator.settings import AutoscalingProvider, Settings
from sirocco_operator.status.observed import CustomMetricsServer
from sirocco_operator.status.pods import condition

log = logging.getLogger(__name__)

# Seconds between two reads: how old what the status tells may be.
READ_SECONDS: Final = 15.0

# The HPA controller takes the version that discovery prefers of these two.
# https://github.com/kubernetes/metrics/blob/v0.35.4/pkg/client/custom_metrics/discovery.go
_API_SERVICES: Final = ("v1beta2.custom.metrics.k8s.io", "v1beta1.custom.metrics.k8s.io")

Servers = tuple[CustomMetricsServer, ...] | None
"""None where they do not matter, or may not be read."""


class MetricsProviders:
    """Which API servers serve custom.metrics.k8s.io: read now and then, as no watch tells.

    Keeps what was last read for all models, and calls `changed` when it is another.
    """

    def __init__(self, kube: Kube, settings: Settings, changed: Callable[[], None]) -> None:
        self._kube = kube
        self._matters = not settings.namespaces and settings.autoscaling_provider != AutoscalingProvider.KEDA
        self._changed = changed
        self._servers: Servers = None
        self._read = False

    async def servers(self) -> Servers:
        """What the last read found; raises ApiError when there was none yet and the API server cannot say."""
        if self._matters and not self._read:
            await self._fetch()
        return self._servers

    async def run(self) -> None:
        """Read until cancelled."""
        while self._matters:
            before, known = self._servers, self._read
            try:
                await self._fetch()
            except ApiError as error:
                log.warning("who serves custom.metrics.k8s.io cannot be read, will be tried again: %s", error)
            if known and self._servers != before:
                self._changed()
            await asyncio.sleep(READ_SECONDS)

    async def _fetch(self) -> None:
        try:
            found = [await self._kube.get(API_SERVICE, None, name) for name in _API_SERVICES]
        except ApiError as error:
            if error.status != 403:
                raise
            self._servers = None
        else:
            self._servers = tuple(_server(each) for each in found if each is not None)
        self._read = True


def _server(api_service: Mapping[str, Any]) -> CustomMetricsServer:
    service = (api_service.get("spec") or {}).get("service")
    available = condition(api_service, "Available")
    return CustomMetricsServer(
        served_by=f"{service['namespace']}/{service['name']}" if service else "the API server itself",
        failure="" if available.get("status") == "True" else str(available.get("message") or "not ready yet"),
    )
