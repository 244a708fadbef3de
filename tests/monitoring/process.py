"""A Prometheus on this machine, for targets that it can reach."""

import json
import math
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.chart.helm import tool
from tests.monitoring.rules import RULE_FILES, write
from tests.waiting import eventually


class LocalPrometheus:
    """Its API."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, path: str) -> Any:
        """The data of an answer; raises OSError while it does not listen."""
        with urllib.request.urlopen(f"{self._url}/api/v1/{path}", timeout=30) as answer:
            return json.load(answer)["data"]

    def values(self, expression: str) -> list[float]:
        """The numbers that an expression has now."""
        found = self.ask("query?" + urllib.parse.urlencode({"query": expression}))["result"]
        return [number for one in found if not math.isnan(number := float(one["value"][1]))]

    def listens(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.ask("status/buildinfo"))
        except OSError:
            return False


@contextmanager
def prometheus(folder: Path, port: int, scrapes: list[dict[str, Any]]) -> Iterator[LocalPrometheus]:
    """Prometheus on a port, with these scrape configurations and the chart's rules."""
    assert write(folder) == RULE_FILES
    config = {
        "global": {"evaluation_interval": "5s"},
        "rule_files": [str(folder / name) for name in RULE_FILES],
        "scrape_configs": scrapes,
    }
    path = folder / "prometheus.yaml"
    path.write_text(yaml.safe_dump(config))
    command = [tool("prometheus"), f"--config.file={path}", f"--storage.tsdb.path={folder / 'data'}"]
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*map(str, command), f"--web.listen-address=127.0.0.1:{port}"], stdout=output, stderr=output
        )
    try:
        found = LocalPrometheus(f"http://127.0.0.1:{port}")
        eventually(found.listens, 60, lambda: f"Prometheus to listen, its log:\n{log.read_text()}")
        yield found
    finally:
        process.terminate()
        process.wait(30)
