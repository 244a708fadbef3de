"""The operator's settings, from environment variables that start with SIROCCO_."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read once at start; a value that is out of range stops the process with its name and limits."""

    model_config = SettingsConfigDict(env_prefix="SIROCCO_", frozen=True, extra="ignore")

    serving_image: str = Field(default="sirocco/serving:0.1.0", min_length=1)
    serving_cpu_image: str = Field(default="sirocco/serving-cpu:0.1.0", min_length=1)
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"

    # Where the operator itself runs; set from the downward API.
    namespace: str = Field(default="sirocco-system", min_length=1)
    pod_name: str = Field(default="sirocco-operator", min_length=1)
    # Namespaces to watch, comma-separated; empty means the whole cluster.
    watch_namespaces: str = ""

    service_monitor_labels: dict[str, str] = {}
    service_monitor_interval: str = Field(default="15s", pattern=r"^[0-9]+(ms|s|m)$")

    workers: int = Field(default=16, ge=1, le=256)
    resync_seconds: float = Field(default=300.0, ge=1)
    discovery_seconds: float = Field(default=15.0, ge=0.1)
    lease_seconds: float = Field(default=15.0, ge=1)
    http_port: int = Field(default=8080, ge=0, le=65535)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces to watch; empty for the whole cluster."""
        return tuple(name.strip() for name in self.watch_namespaces.split(",") if name.strip())
