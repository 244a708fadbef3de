"""The ServiceMonitor that tells Prometheus to scrape a model's pods."""

from collections.abc import Collection
from typing import Any

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.internal_secret import internal_secret_name
from sirocco_operator.children.kinds import SERVICE_MONITOR, ChildKind
from sirocco_operator.children.labels import selector
from sirocco_operator.children.manifest import manifest
from sirocco_operator.children.service import PORT_NAME
from sirocco_operator.children.serving_config import INTERNAL_KEY, has_keys
from sirocco_operator.settings import Settings


def build_service_monitor(
    model: InferenceModel, settings: Settings, available: Collection[ChildKind]
) -> dict[str, Any] | None:
    """Scrapes /metrics of each pod; none where it is turned off or the cluster lacks the API."""
    if not model.spec.monitoring.enabled or SERVICE_MONITOR not in available:
        return None
    endpoint: dict[str, Any] = {
        "port": PORT_NAME,
        "path": "/metrics",
        "interval": settings.service_monitor_interval,
    }
    if has_keys(model):
        endpoint["authorization"] = {
            "type": "Bearer",
            "credentials": {"name": internal_secret_name(model), "key": INTERNAL_KEY},
        }
    return {
        **manifest(SERVICE_MONITOR, model, extra_labels=settings.service_monitor_labels),
        "spec": {"selector": {"matchLabels": selector(model.metadata.name)}, "endpoints": [endpoint]},
    }
