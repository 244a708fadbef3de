"""The ServiceMonitor that tells Prometheus to scrape a model's pods."""

import re
from collections.abc import Collection
from typing import Any, Final

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.internal_secret import internal_secret_name
from sirocco_operator.children.labels import MODEL_LABEL, selector
from sirocco_operator.children.manifest import manifest
from sirocco_operator.children.service import PORT_NAME
from sirocco_operator.children.serving_config import INTERNAL_KEY, has_keys
from sirocco_operator.kube.kinds import SERVICE_MONITOR, Kind
from sirocco_operator.settings import Settings

# Prometheus' name of the Service's label `inference.sirocco.dev/model`.
_MODEL_OF_SERVICE: Final = "__meta_kubernetes_service_label_" + re.sub(r"[^a-zA-Z0-9_]", "_", MODEL_LABEL)


def build_service_monitor(
    model: InferenceModel, settings: Settings, available: Collection[Kind]
) -> dict[str, Any] | None:
    """A ServiceMonitor for /metrics of each pod; None when turned off or when the cluster lacks the API."""
    if not model.spec.monitoring.enabled or SERVICE_MONITOR not in available:
        return None
    endpoint: dict[str, Any] = {
        "port": PORT_NAME,
        "path": "/metrics",
        "interval": settings.service_monitor_interval,
        # One short label names the model of every series; rules, dashboards and KEDA select by it.
        # The action is the CRD's default, written so that the stored object equals the wanted one.
        "relabelings": [{"sourceLabels": [_MODEL_OF_SERVICE], "targetLabel": "model", "action": "replace"}],
    }
    if has_keys(model):
        endpoint["authorization"] = {
            "type": "Bearer",
            "credentials": {"name": internal_secret_name(model.metadata.name), "key": INTERNAL_KEY},
        }
    return {
        **manifest(SERVICE_MONITOR, model, extra_labels=settings.service_monitor_labels),
        "spec": {"selector": {"matchLabels": selector(model.metadata.name)}, "endpoints": [endpoint]},
    }
