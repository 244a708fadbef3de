"""A pod inside the cluster that asks models through their Services."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.e2e.kubectl import Kubectl, KubectlError
from tests.e2e.models import STANDIN_IMAGE
from tests.waiting import eventually

SCRIPTS: Final = Path(__file__).parent / "pods"
KINDS: Final = ("pooled stream", "pooled short", "fresh stream", "fresh short")


@dataclass(frozen=True)
class Answer:
    """What came back for one request; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: str

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Load:
    """What became of the requests: complete once the load has ended."""

    answered: dict[str, int] = field(default_factory=dict)
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: float = 0

    def take(self, line: str) -> None:
        """Read one of the load program's lines."""
        report = json.loads(line)
        self.answered, self.seconds = report["answered"], report["seconds"]
        self.failed, self.failures = report["failed"], report["failures"]

    def assert_no_request_failed(self, each: int) -> None:
        """Raise AssertionError for a failed request, or for fewer than `each` answers of a kind."""
        shown = "\n".join(self.failures)
        assert not self.failed, f"{self.failed} requests failed, {self.answered} were answered:\n{shown}"
        missing = {kind: self.answered.get(kind, 0) for kind in KINDS if self.answered.get(kind, 0) < each}
        assert not missing, f"the load was too small to prove anything: {missing} in {self.seconds:.0f} s"


class Client:
    """Asks from a pod of its own, made at the first use and kept; its image needs Python and httpx."""

    def __init__(self, kubectl: Kubectl, name: str = "client", image: str = STANDIN_IMAGE) -> None:
        self.kubectl = kubectl
        self.name = name
        self.image = image

    def start(self) -> None:
        """Make the pod and wait until it runs."""
        scripts = {path.name: path.read_text() for path in SCRIPTS.glob("*.py")}
        config = {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self.name}, "data": scripts
        }  # fmt: skip
        self.kubectl.apply(config, pod(self.name, self.image))
        self.kubectl.until("pod", self.name, lambda one: one["status"].get("phase") == "Running", "running")

    def stop(self) -> None:
        """Remove the pod and its scripts."""
        self.kubectl.delete(f"pod/{self.name}", f"configmap/{self.name}")

    def ask(self, url: str, body: Any = None) -> Answer:
        """POST a JSON body, or GET without one."""
        method, text = ("GET", "") if body is None else ("POST", json.dumps(body))
        command = ["exec", "--stdin", self.name, "--", "python3", "/client/ask.py", method, url]
        with self._program(command) as process:
            assert process.stdin
            assert process.stdout
            late = threading.Timer(180, process.kill)
            late.start()
            process.stdin.write(text + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            _, complaint = process.communicate()
            late.cancel()
        if not line:
            raise KubectlError(command, complaint)
        return Answer(**json.loads(line))

    def _program(self, command: list[str]) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.kubectl.command(*command), stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )

    def chat(self, model: str, question: str, served: str = "", tokens: int = 32) -> str:
        """Ask a model by its Service and served name, at temperature 0; returns the answer's text."""
        body = {
            "model": served or model,
            "messages": [{"role": "user", "content": question}],
            "temperature": 0,
            "max_tokens": tokens,
        }
        url = f"http://{model}.{self.kubectl.namespace}.svc/v1/chat/completions"
        answer = self.ask(url, body)
        assert answer.status == 200, f"{url} answered {answer.status}: {answer.body}"
        return str(answer.json()["choices"][0]["message"]["content"])

    @contextmanager
    def load(self, model: str, **options: float) -> Iterator[Load]:
        """Keep a model under load; begins once each kind of client was answered, ends with the block.

        `options` are those of pods/load.py.
        """
        url = f"http://{model}.{self.kubectl.namespace}.svc"
        # kube-proxy knows of a ready pod a moment later.
        eventually(lambda: self.ask(f"{url}/health").status == 200, 60, f"{url} to lead to a pod")
        chosen = [f"--{name}={value}" for name, value in options.items()]
        program = ["python3", "/client/load.py", "--url", url, "--model", model, *chosen]
        process = self._program(["exec", "--stdin", self.name, "--", *program])
        assert process.stdout
        load = Load()
        try:
            line = process.stdout.readline()
            assert line, f"the load did not start: {process.communicate()[1]}"
            load.take(line)
            yield load
            assert process.stdin
            assert process.stderr
            process.stdin.close()
            late = threading.Timer(300, process.kill)
            late.start()
            # Through the same buffer as the first line: `communicate` would read past what is in it.
            output = process.stdout.read()
            late.cancel()
            assert output, f"the load ended with {process.wait()}: {process.stderr.read()}"
            load.take(output.splitlines()[-1])
        finally:
            process.kill()


def pod(name: str, image: str = STANDIN_IMAGE) -> dict[str, Any]:
    """The client's pod, within restricted Pod Security."""
    wait = "import threading; threading.Event().wait()"
    container = {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", wait],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "scripts", "mountPath": "/client"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": name}},
        "spec": {
            "containers": [container],
            "volumes": [{"name": "scripts", "configMap": {"name": name}}],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
        },
    }
