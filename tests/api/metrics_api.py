"""Operators' metrics API as the API server reaches it, and model pods that answer for their figures."""

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from sirocco_operator.metrics_api.certificates import SECRET_NAME
from sirocco_operator.metrics_api.documents import GROUP, GROUP_VERSION, VERSION
from tests.api.certificates import ClientCertificate
from tests.api.client import Client, Object
from tests.api.models import DEADLINE
from tests.waiting import eventually

NAMESPACE = "sirocco-system"
SERVICE = "sirocco-operator"
API_SERVICE = f"{VERSION}.{GROUP}"
# The port of a model's container.
POD_PORT = 8000


def host_address() -> str:
    """An address of this machine that is not a loopback one, which endpoints may not have."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Nothing is sent: the kernel only chooses the way.
        probe.connect(("203.0.113.1", 9))
        return str(probe.getsockname()[0])


@contextlib.contextmanager
def published(client: Client, ports: Sequence[int]) -> Iterator[None]:
    """The APIService and Service of operators that serve the metrics API on these ports of this machine."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": NAMESPACE},
        "spec": {"ports": [{"name": "metrics-api", "port": 443, "targetPort": ports[0]}]},
    }
    api_service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": API_SERVICE},
        "spec": {
            "group": GROUP,
            "version": VERSION,
            "service": {"name": SERVICE, "namespace": NAMESPACE, "port": 443},
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
    }
    client.apply(service)
    for port in ports:
        admit(client, port)
    client.apply(api_service)
    try:
        yield
    finally:
        # First, or every namespace would wait for an API that nobody serves.
        client.delete("APIService", None, API_SERVICE)
        for port in ports:
            withdraw(client, port)
        client.delete("Service", NAMESPACE, SERVICE)


def admit(client: Client, port: int) -> None:
    """Put an operator into the Service, as happens to one that is ready."""
    client.apply(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{SERVICE}-{port}",
                "namespace": NAMESPACE,
                "labels": {"kubernetes.io/service-name": SERVICE},
            },
            "addressType": "IPv4",
            "ports": [{"name": "metrics-api", "port": port, "protocol": "TCP"}],
            "endpoints": [{"addresses": [host_address()], "conditions": {"ready": True}}],
        }
    )


def withdraw(client: Client, port: int) -> None:
    """Take an operator from the Service, as happens to one that is not ready."""
    client.delete("EndpointSlice", NAMESPACE, f"{SERVICE}-{port}")


def wait_available(client: Client) -> None:
    """Wait until the API server can reach the metrics API."""

    def available() -> bool:
        found = client.get("APIService", None, API_SERVICE)
        conditions = {each["type"]: each for each in (found.get("status") or {}).get("conditions") or ()}
        condition = conditions.get("Available", {})
        assert condition.get("status") == "True", condition.get("message", "no condition")
        return True

    eventually(available, DEADLINE, f"APIService {API_SERVICE} to be available", 0.1)


def figures(
    client: Client, namespace: str, metric: str, pod: str = "*", selector: str = ""
) -> dict[str, str]:
    """What the metrics API tells of pods, by their names; asked through the API server."""
    path = f"/apis/{GROUP_VERSION}/namespaces/{namespace}/pods/{pod}/{metric}"
    answer = client.request("GET", path, **({"labelSelector": selector} if selector else {}))
    return {item["describedObject"]["name"]: item["value"] for item in answer["items"]}


class ModelPod:
    """What listens at a pod's address: answers for its metrics with `text`, until it is left.

    `key` is the internal key that it asks for, none for an open model. While `silent` it does not answer.
    """

    def __init__(self, address: str, text: str = "", key: str | None = None) -> None:
        self.address = address
        self.text = text
        self.key = key
        self.asked = 0
        self._speak = threading.Event()
        self._speak.set()
        pod = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                pod.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
                pass

        self._server = ThreadingHTTPServer((address, POD_PORT), Handler)

    def __enter__(self) -> "ModelPod":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._speak.set()
        self._server.shutdown()
        self._server.server_close()

    def ask_for_key(self, secret: Object) -> None:
        """Answer only those with the internal key that is in this Secret."""
        self.key = base64.b64decode(secret["data"]["key"]).decode()

    def fall_silent(self) -> None:
        """Take connections and say nothing."""
        self._speak.clear()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        self.asked += 1
        self._speak.wait()
        allowed = self.key is None or request.headers["Authorization"] == f"Bearer {self.key}"
        body = self.text.encode() if allowed else b"{}"
        with contextlib.suppress(ConnectionError):
            request.send_response(200 if allowed else 401)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)


def exposition(in_flight: int, waiting: int = 0, kv_cache: float = 0.0) -> str:
    """A pod's metrics, in the words of the serving layer and vLLM."""
    return (
        "# TYPE sirocco_serving_requests_in_flight gauge\n"
        f"sirocco_serving_requests_in_flight {in_flight}.0\n"
        "sirocco_serving_oldest_queued_seconds 0.0\n"
        "sirocco_serving_queue_seconds_count 0.0\n"
        "sirocco_serving_queue_seconds_sum 0.0\n"
        f'vllm:kv_cache_usage_perc{{engine="0",model_name="mistral"}} {kv_cache}\n'
        f'vllm:num_requests_waiting{{engine="0",model_name="mistral"}} {waiting}.0\n'
        'vllm:request_queue_time_seconds_count{engine="0",model_name="mistral"} 0.0\n'
        'vllm:request_queue_time_seconds_sum{engine="0",model_name="mistral"} 0.0\n'
    )


def make_ready(client: Client, namespace: str, pod: str, address: str, ready: bool = True) -> None:
    """Give a pod a node, an address and readiness, as a scheduler and a kubelet would."""
    found = client.get("Pod", namespace, pod)
    if not found["spec"].get("nodeName"):
        client.request(
            "POST",
            client.path("Pod", namespace, pod, "binding"),
            {
                "apiVersion": "v1",
                "kind": "Binding",
                "metadata": {"name": pod},
                "target": {"apiVersion": "v1", "kind": "Node", "name": "node-1"},
            },
        )
    condition = {
        "type": "Ready",
        "status": "True" if ready else "False",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
    }
    status = {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": "2026-01-02T03:04:05Z",
        "conditions": [condition],
    }
    client.patch("Pod", namespace, pod, {"status": status}, "status")


def wait_pods(client: Client, namespace: str, number: int) -> list[str]:
    """Wait until the controllers have made so many pods; their names."""

    def made() -> list[str]:
        names = sorted(pod["metadata"]["name"] for pod in client.objects("Pod", namespace))
        assert len(names) == number, names
        return names

    return eventually(made, DEADLINE, f"{number} pods of {namespace}", 0.05)


class FrontProxyCall:
    """Calls an operator's port itself, as the API server's front proxy does, with whatever certificate."""

    def __init__(self, client: Client, port: int, certificate: ClientCertificate | None = None) -> None:
        secret = client.get("Secret", NAMESPACE, SECRET_NAME)
        context = ssl.create_default_context(cadata=base64.b64decode(secret["data"]["ca.crt"]).decode())
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        self._http = httpx.Client(
            base_url=f"https://{host_address()}:{port}", verify=context, trust_env=False, timeout=30
        )

    def __call__(
        self, path: str, user: str = "", groups: Sequence[str] = (), method: str = "GET", accept: str = ""
    ) -> httpx.Response:
        """One request in the name of a user."""
        headers = [("X-Remote-Group", group) for group in groups]
        if user:
            headers.append(("X-Remote-User", user))
        if accept:
            headers.append(("Accept", accept))
        name = f"{SERVICE}.{NAMESPACE}.svc"
        return self._http.request(method, path, headers=headers, extensions={"sni_hostname": name})


def served_certificate(port: int) -> str:
    """The certificate that an operator serves now, PEM."""
    return ssl.get_server_certificate((host_address(), port), timeout=30)
