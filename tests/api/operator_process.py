"""The operator as a process of its own, against a control plane."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Any, Protocol, Self

import httpx
import yaml

from tests.api.client import Client
from tests.api.processes import WITH_PARENT, free_ports, kill_group, last_lines
from tests.waiting import eventually

# Short enough for tests of the leader's change, long enough for a busy machine.
LEASE_SECONDS = 6
DEADLINE = 60.0
RIGHTS = ("Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")


INSTALL_FILE = Path(__file__).parents[2] / "manifests" / "install.yaml"


def install_rights(client: Client) -> None:
    """Make the operator's namespace, account and rights as the project installs them, and nothing more."""
    apply_rights(client, yaml.safe_load_all(INSTALL_FILE.read_text()))


def apply_rights(client: Client, documents: Iterable[Any]) -> None:
    """Make those of an installation's objects that give rights."""
    for document in documents:
        if document and document["kind"] in RIGHTS:
            client.apply(document)


class ApiServer(Protocol):
    """What leads a program to an API server."""

    def kubeconfig(self, user: str = "operator") -> Path:
        """A kubeconfig file."""


class OperatorProcess:
    """`python -m sirocco_operator.app`, started again when it ends by itself, as the kubelet does.

    Killed when left.
    """

    def __init__(
        self, cluster: ApiServer, name: str = "operator-0", user: str = "operator", **settings: str
    ) -> None:
        """`user` is one of those that `cluster.kubeconfig` knows."""
        self.name = name
        (self.port,) = free_ports(1)
        self.log = Path(mkdtemp(prefix="sirocco-operator-")) / "operator.log"
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")},
            "KUBECONFIG": str(cluster.kubeconfig(user)),
            "SIROCCO_NAMESPACE": "sirocco-system",
            "SIROCCO_POD_NAME": name,
            "SIROCCO_HTTP_PORT": str(self.port),
            "SIROCCO_LEASE_SECONDS": str(LEASE_SECONDS),
            "SIROCCO_DISCOVERY_SECONDS": "1",
            **{f"SIROCCO_{key.upper()}": value for key, value in settings.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None
        # The process that is started again when it ends; None once its end is wanted.
        self._kept: subprocess.Popen[bytes] | None = None
        # How often it ended by itself and was started again.
        self.restarts = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            sys.stderr.write(f"{self.name}'s log:\n{last_lines(self.log)}\n")
        self.kill()

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and wait until it is ready: its caches are filled."""
        self._process = self._kept = self._spawn()
        threading.Thread(target=self._keep, args=(self._process,), daemon=True).start()
        eventually(
            lambda: self.http("/readyz") == 200,
            DEADLINE,
            lambda: f"a ready operator; its log:\n{last_lines(self.log)}",
            0.05,
        )

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self._process is not None
        self._kept = None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=DEADLINE)

    def kill(self) -> None:
        """SIGKILL, as when a node fails."""
        self._kept = None
        if self._process is not None:
            kill_group(self._process)

    def crash(self) -> None:
        """SIGKILL; it is started again as the kubelet does."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def suspend(self) -> None:
        """Stop it from running without ending it, as a frozen machine does."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `suspend`."""
        self._signal(signal.SIGCONT)

    def wait_restarted(self, before: int) -> None:
        """Wait until it ended by itself more than `before` times."""
        eventually(lambda: self.restarts > before, DEADLINE, f"{self.name} to end by itself", 0.05)

    def http(self, path: str) -> int:
        """The status of a GET of its own HTTP server; 0 while nothing listens."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", trust_env=False, timeout=10).status_code
        except httpx.TransportError:
            return 0

    def text(self, path: str) -> str:
        """What a GET of its own HTTP server answers; empty while nothing listens."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", trust_env=False, timeout=10).text
        except httpx.TransportError:
            return ""

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels; 0 without any, or while nothing listens."""
        total = 0.0
        for line in self.text("/metrics").splitlines():
            match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if match is None or match[1] != name:
                continue
            found = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
            if all(found.get(key) == value for key, value in labels.items()):
                total += float(match[3])
        return total

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*WITH_PARENT, sys.executable, "-m", "sirocco_operator.app"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _keep(self, process: subprocess.Popen[bytes]) -> None:
        # A process dies with the thread that started it: this one stays as long as the process.
        while True:
            process.wait()
            if self._kept is not process:
                return
            process = self._process = self._kept = self._spawn()
            self.restarts += 1
