"""What prometheus-operator makes of a ServiceMonitor: a part of Prometheus' own configuration.

Debian's Prometheus cannot find targets in Kubernetes by itself: they come from discovery.py, with the labels
that it would give them.
"""

from collections.abc import Callable, Sequence
from typing import Any

from tests.monitoring.discovery import PREFIX, label_name

Object = dict[str, Any]
Relabeling = dict[str, Any]

_POD = f"{PREFIX}pod_"
_SERVICE = f"{PREFIX}service_"


def scrape_configs(
    monitor: Object, targets: Sequence[Object], secret_file: Callable[[str, str], str]
) -> list[Object]:
    """The configuration of each of its endpoints; `secret_file` says where a Secret's key lies as a file.

    `targets` are all of the monitor's namespace; its selector and port choose among them. Knows what our
    ServiceMonitors use; raises ValueError for anything else, so that nothing of them is lost.
    """
    spec = monitor["spec"]
    _only(spec, {"selector", "endpoints"})
    _only(spec["selector"], {"matchLabels"})
    return [
        {**_scrape_config(monitor, number, secret_file), "static_configs": list(targets)}
        for number in range(len(spec["endpoints"]))
    ]


def _scrape_config(monitor: Object, number: int, secret_file: Callable[[str, str], str]) -> Object:
    name, namespace = monitor["metadata"]["name"], monitor["metadata"]["namespace"]
    endpoint = monitor["spec"]["endpoints"][number]
    _only(endpoint, {"port", "path", "interval", "honorLabels", "authorization", "relabelings"})
    config = {
        "job_name": f"serviceMonitor/{namespace}/{name}/{number}",
        "honor_labels": endpoint.get("honorLabels", False),
        "scrape_interval": endpoint["interval"],
        "metrics_path": endpoint["path"],
        "relabel_configs": [
            *_selected(monitor["spec"]["selector"]["matchLabels"]),
            {
                "action": "keep",
                "source_labels": [f"{PREFIX}endpoint_port_name"],
                "regex": endpoint["port"],
            },
            {"action": "drop", "source_labels": [f"{_POD}phase"], "regex": "(Failed|Succeeded)"},
            _copy(f"{PREFIX}namespace", "namespace"),
            _copy(f"{_SERVICE}name", "service"),
            _copy(f"{_POD}name", "pod"),
            _copy(f"{_POD}container_name", "container"),
            _copy(f"{_SERVICE}name", "job"),
            {"target_label": "endpoint", "replacement": endpoint["port"]},
            *map(_relabeling, endpoint.get("relabelings", ())),
        ],
    }
    if authorization := endpoint.get("authorization"):
        secret = authorization["credentials"]
        path = secret_file(secret["name"], secret["key"])
        config["authorization"] = {"type": authorization["type"], "credentials_file": path}
    return config


def _selected(labels: dict[str, str]) -> list[Relabeling]:
    found = []
    for key, value in labels.items():
        source = [f"{_SERVICE}label_{label_name(key)}", f"{_SERVICE}labelpresent_{label_name(key)}"]
        found.append({"action": "keep", "source_labels": source, "regex": f"({value});true"})
    return found


def _relabeling(relabeling: Object) -> Relabeling:
    _only(relabeling, {"sourceLabels", "targetLabel", "action"})
    # The API server's default.
    if (action := relabeling.get("action", "replace")) != "replace":
        raise ValueError(f"not translated yet: {action}")
    (source,) = relabeling["sourceLabels"]
    return _copy(source, relabeling["targetLabel"])


def _copy(source: str, target: str) -> Relabeling:
    return {"source_labels": [source], "target_label": target}


def _only(given: Object, known: set[str]) -> None:
    if unknown := set(given) - known:
        raise ValueError(f"not translated yet: {', '.join(sorted(unknown))}")
