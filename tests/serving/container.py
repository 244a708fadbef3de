"""A model server in a container with a pod's restrictions: read-only root, no capabilities, a random user."""

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.kind import docker
from tests.kind.steps import StepError
from tests.waiting import eventually

MODEL_IMAGE = "sirocco/smollm2-135m-instruct:1"
USER = "54321:54321"
# What the operator sets in a pod for the CPU, and the flags that it gives to `vllm serve`.
ENVIRONMENT = {
    "SIROCCO_SERVING_CONFIG": "/etc/sirocco/serving.json",
    "VLLM_PLUGINS": "sirocco",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    # With two, one of them waits, spinning, for the other whenever something else has its core.
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
}
ARGUMENTS = [
    *("/model", "--host", "0.0.0.0", "--port", "8000", "--served-model-name", "smollm2", "second-name"),
    *("--shutdown-timeout", "5", "--tensor-parallel-size", "1", "--enforce-eager", "--max-model-len", "2048"),
]
# Computes in the engine's own process, where a pod has another one for it: a start takes a third less time.
QUICK = ("--distributed-executor-backend", "uni")
LAYER = [
    *("--middleware", "sirocco_serving.stack.Stack"),
    *("--disable-fastapi-docs", "--disable-uvicorn-access-log"),
]


@dataclass
class Answer:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> dict[str, object]:
        """Its body."""
        return dict(json.loads(self.text))


@dataclass
class Container:
    """A started container; `early` is every answer that came before `/ready` said 200."""

    name: str
    port: int
    early: list[int] = field(default_factory=list)
    first_metrics: str = ""

    def connect(self, seconds: float = 60) -> http.client.HTTPConnection:
        """A connection of its own."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        seconds: float = 60,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own; raises OSError or HTTPException when nobody answers."""
        connection = self.connect(seconds)
        text = None if body is None else json.dumps(body)
        # vLLM's own routes take no other type of body.
        sent = {**({} if text is None else {"Content-Type": "application/json"}), **(headers or {})}
        try:
            connection.request(method, path, text, sent)
            answer = connection.getresponse()
            return Answer(
                answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
            )
        finally:
            connection.close()

    def metric(self, line: str) -> float:
        """The sum of the samples whose line starts so."""
        samples = [text for text in self.ask("GET", "/metrics").text.splitlines() if text.startswith(line)]
        return sum(float(sample.rpartition(" ")[2]) for sample in samples)

    def wait_until_ready(self, deadline: float, path: str = "/ready", key: str = "") -> None:
        """Waits for `/ready` and keeps what was answered until then; stock vLLM has `/health` alone.

        `key` is the internal one, where metrics ask for it.
        """
        headers = {"Authorization": f"Bearer {key}"} if key else {}

        def ready() -> bool:
            try:
                status = self.ask("GET", path, seconds=5).status
            except (OSError, http.client.HTTPException):
                assert self.running(), f"the server ended:\n{self.logs()}"
                return False
            if not self.first_metrics:
                self.first_metrics = self.ask("GET", "/metrics", headers=headers).text
            if status != 200:
                self.early.append(status)
            return status == 200

        eventually(ready, deadline, lambda: f"{self.name} to be ready, its log:\n{self.logs()}")

    def process(self) -> int:
        """The number of its first process, on this machine."""
        return int(docker.docker("inspect", "--format", "{{.State.Pid}}", self.name))

    def running(self) -> bool:
        """Whether its process runs."""
        return docker.docker("inspect", "--format", "{{.State.Running}}", self.name).strip() == "true"

    def wait_until_ended(self, deadline: float) -> int:
        """Its exit status, once it has ended."""
        eventually(
            lambda: not self.running(), deadline, lambda: f"{self.name} to end, its log:\n{self.logs()}"
        )
        return int(docker.docker("inspect", "--format", "{{.State.ExitCode}}", self.name))

    def signal(self, name: str) -> None:
        """Sends a signal to its first process."""
        docker.docker("kill", "--signal", name, self.name)

    def logs(self) -> str:
        """Everything it printed, stderr last."""
        path = docker.docker("inspect", "--format", "{{.LogPath}}", self.name).strip()
        entries = [json.loads(line) for line in Path(path).read_text().splitlines()]
        return "".join(entry["log"] for entry in entries)


def copy_model(folder: Path) -> Path:
    """Puts SmolLM2's weights into a folder, readable for everyone; returns that folder."""
    folder.chmod(0o755)
    created = docker.docker("create", MODEL_IMAGE, "/none").strip()
    try:
        docker.docker("cp", f"{created}:/", folder, seconds=300)
    finally:
        docker.docker("rm", created)
    return folder


@contextmanager
def start(
    image: str,
    model: Path,
    settings_folder: Path,
    settings: str = "{}",
    *,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    stock: bool = False,
) -> Iterator[Container]:
    """Starts a model server and removes it at the end; `arguments` come after the usual ones.

    A `stock` one is vLLM alone, without our layer.
    """
    settings_folder.chmod(0o755)
    (settings_folder / "serving.json").write_text(settings)
    command = ["run", "--detach", "--read-only", "--user", USER, "--cap-drop", "ALL"]
    command += ["--security-opt", "no-new-privileges", "--shm-size", "1g", "--publish", "127.0.0.1::8000"]
    command += ["--tmpfs", "/tmp", "--tmpfs", "/cache:mode=1777,exec", "--volume", f"{model}:/model:ro"]  # noqa: S108
    command += ["--volume", f"{settings_folder}:/etc/sirocco:ro", *options]
    plugins = {"VLLM_PLUGINS": ""} if stock else {}
    for name, value in (ENVIRONMENT | plugins | dict(environment or {})).items():
        command += ["--env", f"{name}={value}"]
    layer = [] if stock else LAYER
    name = docker.docker(*command, image, *ARGUMENTS, *layer, *arguments).strip()[:12]
    try:
        yield Container(name, _port(name))
    finally:
        docker.docker("rm", "--force", "--volumes", name)


def _port(name: str) -> int:
    try:
        return int(docker.docker("port", name, "8000").splitlines()[0].rpartition(":")[2])
    except (StepError, IndexError):
        return 0  # It ended at once.
