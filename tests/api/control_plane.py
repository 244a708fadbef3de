"""A Kubernetes control plane without nodes: etcd, API server and controller manager as plain processes."""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from tests.api.certificates import Authority, ClientCertificate
from tests.api.client import Client
from tests.api.processes import WITH_PARENT, free_ports, kill_group, last_lines, tool
from tests.waiting import eventually

# The operator under test is the service account that manifests/install.yaml gives rights to.
OPERATOR_USER = "system:serviceaccount:sirocco-system:sirocco-operator"
# The operator of another release, installed as "second" in a namespace of its own.
SECOND_USER = "system:serviceaccount:second-system:second-operator"

_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted", "Panic"],
    "rules": [
        {"level": "Metadata", "users": [OPERATOR_USER]},
        {"level": "None"},
    ],
}

# What owns, scales and protects pods; nothing that needs a node or a cloud.
_CONTROLLERS = (
    "garbage-collector-controller",
    "deployment-controller",
    "replicaset-controller",
    "disruption-controller",
    "horizontal-pod-autoscaler-controller",
    "namespace-controller",
)

# Each controller may send 1,000 requests a second, in place of 20.
FAST = ("--kube-api-qps=1000", "--kube-api-burst=2000")


class ControlPlane:
    """etcd, kube-apiserver and kube-controller-manager on free ports of 127.0.0.1, gone when left.

    `crds` are applied before the controller manager starts, so that its garbage collector knows them at once.
    """

    def __init__(
        self,
        crds: Sequence[Mapping[str, Any]] = (),
        feature_gates: str = "",
        controllers: bool = True,
        controller_flags: Sequence[str] = (*FAST, "--horizontal-pod-autoscaler-sync-period=1s"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """The controller manager is in a hurry by default, where tests would only wait."""
        self._crds = crds
        self._feature_gates = feature_gates
        self._controllers = controllers
        self._controller_flags = controller_flags
        self._environment = environment or {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="sirocco-control-plane-"))
        self._etcd_port, self._peer_port, self._port = free_ports(3)
        self._tokens = {name: secrets.token_hex(16) for name in ("admin", "operator", "second", "person")}
        self.server = f"https://127.0.0.1:{self._port}"
        self.audit_log = self._folder / "audit.log"
        # What aggregated APIs know the API server by.
        self._front_proxy_ca = Authority(self._folder, "front-proxy-ca")
        self.front_proxy = self._front_proxy_ca.client("front-proxy-client")

    def __enter__(self) -> Self:
        try:
            self._write_files()
            self._start_etcd()
            self._start_api_server()
            self.client = self._client("admin")
            self.wait_ready()
            for crd in self._crds:
                self.client.apply(crd)
                self.client.wait_established(crd["metadata"]["name"])
            if self._controllers:
                self._start_controller_manager()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def kubeconfig(self, user: str = "operator") -> Path:
        """A kubeconfig file for `user`: `admin`, `operator`, `second`, or `person`, who has no rights."""
        path = self._folder / f"{user}.kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            "clusters": [
                {
                    "name": "test",
                    "cluster": {"server": self.server, "certificate-authority": str(self.certificate)},
                }
            ],
            "users": [{"name": user, "user": {"token": self._tokens[user]}}],
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def token(self, user: str) -> str:
        """The token of one of the users that `kubeconfig` knows."""
        return self._tokens[user]

    def pids(self) -> dict[str, int]:
        """The ids of the processes, by their programs' names."""
        return {name: process.pid for name, process in self._processes.items()}

    def client_of(self, user: str) -> Client:
        """A client of one of the users that `kubeconfig` knows."""
        return Client(self.server, self._tokens[user], self.certificate)

    def front_proxy_client(self, name: str) -> ClientCertificate:
        """Another certificate of the front proxy's authority."""
        return self._front_proxy_ca.client(name)

    def restart_api_server(self) -> None:
        """Kill the API server and start it again on the same port; returns when it is ready."""
        self.stop_api_server()
        self.start_api_server()

    def stop_api_server(self) -> None:
        """Kill the API server; `start_api_server` brings it back."""
        kill_group(self._processes.pop("kube-apiserver"))

    def start_api_server(self) -> None:
        """Start the API server after `stop_api_server`; returns when it is ready."""
        self._start_api_server()
        self.wait_ready()
        if self._controllers:
            # Its watches back off for up to a minute after an outage, and the next test would wait for that.
            kill_group(self._processes.pop("kube-controller-manager"))
            self._start_controller_manager()

    def restart_etcd(self) -> None:
        """Kill etcd and start it again with its data; returns when the API server is ready."""
        kill_group(self._processes.pop("etcd"))
        self._start_etcd()
        self.wait_ready()

    def writes(self, offset: int, namespace: str = "") -> list[str]:
        """The operator's writes since an offset of the audit log: verb and URL.

        Not the Lease's, nor reviews and dry runs, which write nothing. Only those in `namespace` unless that
        is empty.
        """
        return [
            f"{entry['verb']} {entry['requestURI']} -> {entry['responseStatus']['code']}"
            for entry in self.audit(offset)
            if entry["verb"] not in ("get", "list", "watch")
            # A review is asked for by writing it.
            and entry["objectRef"]["resource"] not in ("leases", "subjectaccessreviews")
            and "dryRun=All" not in entry["requestURI"]
            and namespace in ("", entry["objectRef"].get("namespace"))
        ]

    def wait_quiet(self, namespace: str = "", seconds: float = 1.5, deadline: float = 60) -> int:
        """Wait until the operator has not written for `seconds`; where the audit log ends then."""
        offset, since = self.audit_offset(), time.monotonic()

        def quiet() -> bool:
            nonlocal offset, since
            now = self.audit_offset()
            if self.writes(offset, namespace):
                offset, since = now, time.monotonic()
            return time.monotonic() - since > seconds

        eventually(quiet, deadline, "the operator to stop writing", 0.1)
        return self.audit_offset()

    def audit(self, offset: int = 0) -> Iterator[dict[str, Any]]:
        """The operator's finished API calls, from a byte offset of the audit log on."""
        if not self.audit_log.exists():
            return
        with self.audit_log.open("rb") as log:
            log.seek(max(0, offset - 1))
            # An offset that was taken while a line was written is in the middle of it.
            if offset:
                log.readline()
            for line in log:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    def audit_offset(self) -> int:
        """Where the audit log ends now, in bytes."""
        return self.audit_log.stat().st_size if self.audit_log.exists() else 0

    def wait_ready(self) -> None:
        """Wait for the API server's /readyz; raises AssertionError with its log's end."""
        process = self._processes["kube-apiserver"]

        def ready() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"kube-apiserver ended:\n{self._log('kube-apiserver')}")
            try:
                return self.client.raw("GET", "/readyz").status_code == 200
            except httpx.TransportError:
                return False

        eventually(ready, 60, lambda: f"a ready API server; its log:\n{self._log('kube-apiserver')}", 0.1)

    @property
    def certificate(self) -> Path:
        """The certificate that the API server is known by."""
        return self._folder / "certificates" / "apiserver.crt"

    def _client(self, user: str) -> Client:
        eventually(
            self.certificate.exists,
            60,
            lambda: f"the API server's certificate; its log:\n{self._log('kube-apiserver')}",
            0.1,
        )
        return Client(self.server, self._tokens[user], self.certificate)

    def _write_files(self) -> None:
        subprocess.run(
            ["openssl", "genrsa", "-out", str(self._folder / "accounts.key"), "2048"],
            check=True,
            capture_output=True,
        )
        tokens = [
            f"{self._tokens['admin']},admin,admin,system:masters",
            f"{self._tokens['operator']},{OPERATOR_USER},operator,system:serviceaccounts",
            f"{self._tokens['second']},{SECOND_USER},second,system:serviceaccounts",
            f"{self._tokens['person']},person,person",
        ]
        (self._folder / "tokens.csv").write_text("\n".join(tokens) + "\n")
        (self._folder / "audit.yaml").write_text(yaml.safe_dump(_AUDIT_POLICY))

    def _start_etcd(self) -> None:
        url, peer = f"http://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{self._peer_port}"
        self._start(
            "etcd",
            f"--data-dir={self._folder / 'etcd'}",
            "--unsafe-no-fsync",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        )

    def _start_api_server(self) -> None:
        key = self._folder / "accounts.key"
        self._start(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            f"--secure-port={self._port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--cert-dir={self.certificate.parent}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            f"--token-auth-file={self._folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/16",
            # There is no controller that would make the account of a new namespace.
            "--disable-admission-plugins=ServiceAccount",
            f"--requestheader-client-ca-file={self._front_proxy_ca.path}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={self.front_proxy.certificate}",
            f"--proxy-client-key-file={self.front_proxy.key}",
            # There is no kube-proxy: aggregated APIs are reached at their endpoints.
            "--enable-aggregator-routing=true",
            f"--audit-policy-file={self._folder / 'audit.yaml'}",
            f"--audit-log-path={self.audit_log}",
            "--audit-log-maxsize=1000",
            # Hundreds of models are deleted in one call, which may take a minute.
            "--delete-collection-workers=8",
            "--max-requests-inflight=2000",
            "--max-mutating-requests-inflight=1000",
            *([f"--feature-gates={self._feature_gates}"] if self._feature_gates else []),
        )

    def _start_controller_manager(self) -> None:
        self._start(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig('admin')}",
            f"--controllers={','.join(_CONTROLLERS)}",
            "--leader-elect=false",
            "--secure-port=0",
            *self._controller_flags,
        )

    def _start(self, name: str, *arguments: str) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [*WITH_PARENT, tool(name), *arguments],
                # The API server would reach aggregated APIs through a proxy.
                env={key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
                | dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
            )

    def _log(self, name: str) -> str:
        return last_lines(self._folder / f"{name}.log")

    def _stop(self) -> None:
        for process in reversed(self._processes.values()):
            kill_group(process)
        self._processes.clear()
        shutil.rmtree(self._folder, ignore_errors=True)
