"""The certificate of the metrics API: made, renewed without a lost call, or taken from files."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from sirocco_operator.children.metrics import Metric
from sirocco_operator.metrics_api.certificates import API_SERVICE_NAME, SECRET_NAME
from sirocco_operator.metrics_api.documents import GROUP_VERSION
from sirocco_operator.metrics_api.pki import LIFETIME, RENEWAL, Certificates, Leaf, issue, to_secret, utc_now
from tests.api.client import ApiError, Client
from tests.api.control_plane import ControlPlane
from tests.api.metrics_api import NAMESPACE, SERVICE, served_certificate, wait_available
from tests.api.models import DEADLINE
from tests.api.operator_process import OperatorProcess
from tests.api.processes import free_ports
from tests.waiting import eventually

Pair = tuple[OperatorProcess, OperatorProcess]
NAMES = (f"{SERVICE}.{NAMESPACE}.svc",)
ANY = f"/apis/{GROUP_VERSION}/namespaces/default/pods/*/{Metric.IN_FLIGHT}"


def kept(client: Client) -> dict[str, str]:
    """The Secret's data."""
    data: dict[str, str] = client.get("Secret", NAMESPACE, SECRET_NAME)["data"]
    return data


def bundle(client: Client) -> str:
    """The authorities by which the API server checks the metrics API's certificate."""
    return str(client.get("APIService", None, API_SERVICE_NAME)["spec"].get("caBundle", ""))


def wait_bundle(client: Client) -> None:
    """Wait until the API server believes the authorities of the Secret."""
    eventually(lambda: bundle(client) == kept(client)["ca.crt"], DEADLINE, "caBundle to be the Secret's", 0.1)


def wait_served(ports: tuple[int, ...], certificate: bytes) -> None:
    """Wait until all of them serve a certificate."""
    wanted = certificate.decode().strip()

    def served() -> bool:
        return all(served_certificate(port).strip() == wanted for port in ports)

    eventually(served, DEADLINE, "the certificate to be served by every replica", 0.2)


def wait_looked(operator: OperatorProcess) -> None:
    """Wait until an operator has looked at the APIService and done what it has to."""

    def looks() -> float:
        return operator.metric("sirocco_operator_api_calls_total", verb="get", kind="APIService")

    before = looks()
    # The second look begins after the first one's consequences.
    eventually(lambda: looks() >= before + 2, DEADLINE, f"{operator.name} to look at the APIService", 0.1)


@contextmanager
def asking(client: Client) -> Iterator[list[str]]:
    """Asks for figures through the API server without a pause; what went wrong, once it is left."""
    stop, problems, answered = threading.Event(), [], threading.Semaphore(0)

    def ask() -> None:
        while not stop.is_set():
            try:
                client.request("GET", ANY)
            except (ApiError, httpx.HTTPError) as error:
                problems.append(str(error))
            answered.release()

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        answered.acquire(timeout=DEADLINE)
        yield problems
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.usefixtures("operators")
def test_every_replica_serves_the_certificate_of_the_secret(client: Client, ports: tuple[int, int]) -> None:
    wait_served(ports, base64.b64decode(kept(client)["tls.crt"]))
    assert client.get("Secret", NAMESPACE, SECRET_NAME)["type"] == "kubernetes.io/tls"


def test_when_it_ends_is_told(operators: Pair) -> None:
    name = "sirocco_operator_certificate_expiry_timestamp_seconds"
    for operator in operators:
        left = operator.metric(name) - utc_now().timestamp()
        assert RENEWAL.total_seconds() < left <= LIFETIME.total_seconds()


@pytest.mark.usefixtures("operators")
def test_a_spoilt_bundle_is_put_right(client: Client) -> None:
    _, stranger = issue(NAMES, utc_now())
    change = {"spec": {"caBundle": base64.b64encode(stranger).decode()}}
    client.patch("APIService", None, API_SERVICE_NAME, change)
    wait_bundle(client)
    wait_available(client)


@pytest.mark.usefixtures("operators")
def test_a_certificate_is_renewed_under_load_without_a_lost_call(
    client: Client, ports: tuple[int, int]
) -> None:
    # One that was made a while ago and is due now; its authority is made known first.
    leaf, ca = issue(NAMES, utc_now() - (LIFETIME - RENEWAL + timedelta(days=1)))
    old = to_secret(Certificates(leaf, base64.b64decode(kept(client)["ca.crt"]) + ca))
    with asking(client) as problems:
        client.patch("Secret", NAMESPACE, SECRET_NAME, {"data": {"ca.crt": old["ca.crt"]}})
        wait_bundle(client)
        client.patch("Secret", NAMESPACE, SECRET_NAME, {"data": old})
        eventually(lambda: kept(client)["tls.crt"] != old["tls.crt"], DEADLINE, "another certificate", 0.1)
        assert "next.crt" not in kept(client)
        wait_served(ports, base64.b64decode(kept(client)["tls.crt"]))
    assert problems == []
    assert bundle(client) == kept(client)["ca.crt"]


@pytest.mark.usefixtures("operators")
def test_a_deleted_secret_is_made_again(client: Client, ports: tuple[int, int]) -> None:
    before = kept(client)
    client.delete("Secret", NAMESPACE, SECRET_NAME)
    eventually(lambda: client.find("Secret", NAMESPACE, SECRET_NAME), DEADLINE, "another Secret", 0.1)
    assert kept(client)["tls.key"] != before["tls.key"]
    wait_served(ports, base64.b64decode(kept(client)["tls.crt"]))
    wait_bundle(client)
    wait_available(client)


def test_an_api_service_of_somebody_else_is_left_alone(client: Client, operators: Pair) -> None:
    theirs = {
        "service": {"name": "prometheus-adapter", "namespace": "monitoring", "port": 443},
        "caBundle": "eA==",
    }
    ours = client.get("APIService", None, API_SERVICE_NAME)["spec"]
    client.patch("APIService", None, API_SERVICE_NAME, {"spec": theirs})
    try:
        for operator in operators:
            wait_looked(operator)
        assert bundle(client) == theirs["caBundle"]
    finally:
        client.patch("APIService", None, API_SERVICE_NAME, {"spec": ours})
        wait_available(client)


def test_mounted_files_are_served_once_they_are_there_and_read_again(
    cluster: ControlPlane, operators: Pair, tmp_path: Path
) -> None:
    assert all(operator.running for operator in operators)
    (port,) = free_ports(1)
    process = OperatorProcess(
        cluster,
        "operator-mounted",
        metrics_api_port=str(port),
        metrics_api_certificate_folder=str(tmp_path),
        metrics_api_refresh_seconds="0.5",
    )
    told: list[str] = []

    def mount() -> None:
        missing = str(tmp_path / "tls.crt")
        eventually(lambda: missing in process.text("/readyz"), DEADLINE, "the files to be missed", 0.05)
        told.append(process.text("/readyz"))
        write(issue(NAMES, utc_now())[0], tmp_path)

    mounting = threading.Thread(target=mount)
    mounting.start()
    with process:
        mounting.join()
        assert "No such file" in told[0]
        another, _ = issue(NAMES, utc_now())
        write(another, tmp_path)
        wait_served((port,), another.certificate)


def write(leaf: Leaf, folder: Path) -> None:
    """As a Secret's volume shows it."""
    (folder / "tls.crt").write_bytes(leaf.certificate)
    (folder / "tls.key").write_bytes(leaf.key)
