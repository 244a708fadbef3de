"""An admission webhook of a namespace that answers nothing, or what a test wants."""

import base64
import contextlib
import json
import ssl
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp

from tests.api.certificates import Authority
from tests.api.client import Client

ADDRESS = "127.0.0.1"


class Webhook:
    """Holds each request until `refuse` is called; from then on it refuses, with that message."""

    def __init__(self) -> None:
        self.asked = 0
        self._message = ""
        self._decided = threading.Event()

    def refuse(self, message: str) -> None:
        """Refuse what is asked and what will be."""
        self._message = message
        self._decided.set()

    def answer(self, uid: str) -> bytes:
        """The review of a request, once that is decided."""
        self.asked += 1
        self._decided.wait(60)
        response = {"uid": uid, "allowed": False, "status": {"code": 403, "message": self._message}}
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        return json.dumps(review).encode()


@contextlib.contextmanager
def webhook(client: Client, namespace: str, resources: Sequence[str], seconds: int) -> Iterator[Webhook]:
    """A webhook that is asked about writes of these resources in a namespace, for so many seconds at most."""
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = hook.answer(body["request"]["uid"])
            with contextlib.suppress(OSError):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    authority = Authority(Path(mkdtemp(prefix="sirocco-webhook-")), "webhook-ca")
    certificate = authority.server("webhook", ADDRESS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    server = ThreadingHTTPServer((ADDRESS, 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    name = f"slow-in-{namespace}"
    configuration = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": "slow.example.com",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": seconds,
                "clientConfig": {
                    "url": f"https://{ADDRESS}:{server.server_port}/",
                    "caBundle": base64.b64encode(authority.path.read_bytes()).decode(),
                },
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [
                    {
                        "apiGroups": ["*"],
                        "apiVersions": ["*"],
                        "resources": list(resources),
                        "operations": ["CREATE", "UPDATE"],
                    }
                ],
            }
        ],
    }
    client.create(configuration)
    try:
        yield hook
    finally:
        client.delete("ValidatingWebhookConfiguration", None, name)
        hook.refuse("the test is over")
        server.shutdown()
        server.server_close()
