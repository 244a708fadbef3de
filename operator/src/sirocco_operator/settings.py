"""The operator's settings, from environment variables that start with SIROCCO_."""

from enum import StrEnum
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class AutoscalingProvider(StrEnum):
    """Who should serve the figures that autoscaling uses."""

    BUILTIN = "builtin"  # the operator
    KEDA = "keda"  # Prometheus, through KEDA
    EXTERNAL = "external"  # another server of custom.metrics.k8s.io


class Settings(BaseSettings):
    """Read once at start; an invalid value stops the process with its name and limits."""

    model_config = SettingsConfigDict(env_prefix="SIROCCO_", frozen=True, extra="ignore")

    serving_image: str = Field(default="sirocco/serving:0.2.0", min_length=1)
    serving_cpu_image: str = Field(default="sirocco/serving-cpu:0.2.0", min_length=1)
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"

    # The operator's own pod, set from the downward API.
    namespace: str = Field(default="sirocco-system", min_length=1)
    pod_name: str = Field(default="sirocco-operator", min_length=1)
    # The Lease in that namespace by which one replica leads; one for each release.
    lease_name: str = Field(default="sirocco-operator", min_length=1)
    # Namespaces to watch, comma-separated; empty means the whole cluster.
    watch_namespaces: str = ""

    service_monitor_labels: dict[str, str] = {}
    service_monitor_interval: str = Field(default="15s", pattern=r"^[0-9]+(ms|s|m)$")

    autoscaling_provider: AutoscalingProvider = AutoscalingProvider.BUILTIN
    # The Service of the operator's metrics API, in the operator's namespace.
    metrics_api_service: str = Field(default="sirocco-operator", min_length=1)
    # The metrics API's port in every replica; 0 turns it off.
    metrics_api_port: int = Field(default=0, ge=0, le=65535)
    # A folder with tls.crt and tls.key, e.g. from cert-manager; when empty, the operator issues its own.
    metrics_api_certificate_folder: str = ""
    # How often the metrics API reads its certificate and the API server's, and for how long the API server
    # knows a new certificate before it is served.
    metrics_api_refresh_seconds: float = Field(default=30.0, ge=0.1)
    metrics_api_overlap_seconds: float = Field(default=300.0, ge=0)
    keda_prometheus_url: str = Field(default="", pattern=r"^(https?://\S+)?$", validate_default=True)

    # Pods of unchanged models that a newer operator makes otherwise: replaced a few models at a time, or with
    # the next change of each model's spec.
    model_updates: Literal["Queue", "OnSpecChange"] = "Queue"
    model_updates_at_once: int = Field(default=1, ge=1, le=1000)

    # How long a rollout waits for a free GPU before it goes on in place.
    surge_seconds: float = Field(default=60.0, ge=0)

    workers: int = Field(default=16, ge=1, le=256)
    resync_seconds: float = Field(default=300.0, ge=1)
    discovery_seconds: float = Field(default=15.0, ge=0.1)
    lease_seconds: float = Field(default=15.0, ge=1)
    http_port: int = Field(default=8080, ge=0, le=65535)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("keda_prometheus_url")
    @classmethod
    def _is_given_for_keda(cls, url: str, info: ValidationInfo) -> str:
        if not url and info.data.get("autoscaling_provider") is AutoscalingProvider.KEDA:
            raise ValueError(
                "is empty, and SIROCCO_AUTOSCALING_PROVIDER=keda scales by what Prometheus knows: "
                "give its URL, e.g. http://prometheus.monitoring.svc:9090"
            )
        return url

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces to watch; empty for the whole cluster."""
        return tuple(name.strip() for name in self.watch_namespaces.split(",") if name.strip())
