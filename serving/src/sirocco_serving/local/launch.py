"""`python3 -m sirocco_serving.local.launch [FLAGS OF VLLM]`: a model server that variables configure.

It does what the operator does for a pod. It fetches the weights, writes the settings of the serving layer,
and becomes `vllm serve` with the flags and variables of a pod.
"""

import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from sirocco_serving.config import PATH_VARIABLE, Settings, TracingSettings, settings_of
from sirocco_serving.download.failure import DownloadError
from sirocco_serving.download.volume import Place

MODELS = Path("/models")
SETTINGS_FILE = Path("/etc/sirocco/serving.json")
WRONG_VALUE = 2

Value = TypeVar("Value")

_MODEL_ID = (
    "a repository of the Hugging Face hub, e.g. mistralai/Mistral-7B-Instruct-v0.3, or the absolute path of "
    "a folder with weights"
)
_TOKENS = ("HUGGING_FACE_HUB_TOKEN", "HF_TOKEN")
# The hub's repository ids: https://huggingface.co/docs/hub/repositories
_PART = "[A-Za-z0-9_]([A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPOSITORY = re.compile(f"{_PART}/{_PART}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,254}")
# The downloader's own sentences name fields of the Kubernetes resource.
_ADVICE = {
    "forbidden": "the hub refuses it: set HUGGING_FACE_HUB_TOKEN to a token whose account has accepted "
    "the model's terms",
    "not-found": "the hub has no such model: check MODEL_ID and MODEL_REVISION; a private one needs "
    "HUGGING_FACE_HUB_TOKEN",
    "no-network": "the hub does not answer: give the container a way to it, or a mirror in HF_ENDPOINT",
    "no-space": "there is no room for it: give the volume or folder of MODELS_FOLDER more",
    "no-access": "MODELS_FOLDER must be writable for the container's user",
}


class WrongVariablesError(Exception):
    """One line for each wrong variable: its name and what is allowed."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Variables:
    """The values of the variables. None leaves a value to vLLM."""

    model_id: str
    revision: str
    tensor_parallel_size: int
    gpu_memory_utilization: float | None
    max_model_len: int | None
    collector: str | None

    @property
    def local(self) -> bool:
        """Whether the model is a folder."""
        return self.model_id.startswith("/")

    @property
    def name(self) -> str:
        """The default name of the model for clients."""
        return Path(self.model_id).name if self.local else self.model_id

    def path(self, models: Path) -> Path:
        """Returns where vLLM finds the weights."""
        if self.local:
            return Path(self.model_id)
        return models / f"{self.model_id}--{self.revision}".replace("/", "--")


def read_variables(environment: Mapping[str, str]) -> Variables:
    """Reads the variables. An empty variable counts as not set.

    Raises WrongVariablesError with a line for each wrong variable. The line leaves out the value: it may be a
    misplaced secret.
    """
    problems: list[str] = []

    def read(
        name: str, parse: Callable[[str], Value], allowed: str, otherwise: Value, *, needed: bool = False
    ) -> Value:
        value = environment.get(name, "").strip()
        if value or needed:
            try:
                return parse(value)
            except ValueError:
                problems.append(f"{name}: must be {allowed}")
        return otherwise

    variables = Variables(
        model_id=read("MODEL_ID", _model_id, _MODEL_ID, "", needed=True),
        revision=read(
            "MODEL_REVISION", _revision, "a commit, tag or branch of the repository in MODEL_ID", "main"
        ),
        tensor_parallel_size=read("TENSOR_PARALLEL_SIZE", _whole, "a number of GPUs, 1 or more", 1),
        gpu_memory_utilization=read(
            "GPU_MEMORY_UTILIZATION", _share, "a share of each GPU's memory, above 0 to 1, e.g. 0.9", None
        ),
        max_model_len=read(
            "MAX_MODEL_LEN", _whole, "a number of tokens, prompt and answer together, 1 or more", None
        ),
        collector=read(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            _collector,
            "the gRPC address of a collector, http://HOST[:PORT] or https://HOST[:PORT]",
            None,
        ),
    )
    if problems:
        raise WrongVariablesError(*problems)
    return variables


def _model_id(value: str) -> str:
    if _REPOSITORY.fullmatch(value) or (value.startswith("/") and Path(value).name):
        return value
    raise ValueError


def _revision(value: str) -> str:
    if _REVISION.fullmatch(value) and ".." not in value:
        return value
    raise ValueError


def _whole(value: str) -> int:
    if re.fullmatch("[1-9][0-9]{0,8}", value):
        return int(value)
    raise ValueError


def _share(value: str) -> float:
    # False for NaN, too.
    if 0 < (share := float(value)) <= 1:
        return share
    raise ValueError


def _collector(value: str) -> str:
    # Pydantic's ValidationError is a ValueError.
    return TracingSettings(endpoint=value).endpoint


def _read_file(path: Path) -> Settings:
    """Returns the settings of a file, or the defaults without one. Raises StartupError as `settings_of`."""
    try:
        path.stat()
    except FileNotFoundError:
        return Settings()
    except OSError:
        pass  # Reading it raises the error.
    return settings_of(path)


def complete(settings: Settings, variables: Variables) -> Settings:
    """Adds the values of the variables to the settings of the file."""
    changes: dict[str, object] = {"model": settings.model or variables.name}
    if variables.collector is not None:
        base = settings.tracing or TracingSettings(endpoint=variables.collector)
        changes["tracing"] = base.model_copy(update={"endpoint": variables.collector})
    return settings.model_copy(update=changes)


def arguments(variables: Variables, path: Path, settings: Settings, more: Sequence[str]) -> list[str]:
    """Returns the arguments of `vllm serve`, as in a pod. The user's own come last and win."""
    flags = {
        "--otlp-traces-endpoint": settings.tracing.endpoint if settings.tracing else None,
        "--max-model-len": variables.max_model_len,
        "--gpu-memory-utilization": variables.gpu_memory_utilization,
    }
    return [
        str(path),
        *("--host", "0.0.0.0"),  # noqa: S104 - Docker decides what is published
        *("--port", "8000"),
        *("--served-model-name", variables.name),
        *("--tensor-parallel-size", str(variables.tensor_parallel_size)),
        *("--middleware", "sirocco_serving.stack.Stack"),
        "--disable-fastapi-docs",
        "--disable-uvicorn-access-log",
        *("--shutdown-timeout", "5"),
        *(part for flag, value in flags.items() if value is not None for part in (flag, str(value))),
        *more,
    ]


def engine_environment(
    environment: Mapping[str, str], settings: Settings, settings_file: Path
) -> dict[str, str]:
    """Returns the variables of `vllm serve`, as in a pod: those given without the hub's tokens, and ours."""
    kept = {name: value for name, value in environment.items() if name not in _TOKENS}
    tracing = {}
    if settings.tracing is not None:
        tracing = {
            "OTEL_SERVICE_NAME": settings.model or "",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": f"{settings.tracing.sample_ratio:g}",
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "5",
        }
    ours = {
        "VLLM_PLUGINS": "sirocco",
        PATH_VARIABLE: str(settings_file),
        "VLLM_ENGINE_READY_TIMEOUT_S": "1800",
        "VLLM_NO_USAGE_STATS": "1",
        # The weights are there, so the engine must never wait for a hub.
        "HF_HUB_OFFLINE": "1",
    }
    return {**tracing, **kept, **ours}


def fetch(variables: Variables, path: Path, environment: Mapping[str, str]) -> None:
    """Downloads the weights to `path`. Needs no network when they are there already.

    Raises WrongVariablesError for a folder that does not exist, and DownloadError when the download fails.
    """
    if variables.local:
        if not path.exists():
            raise WrongVariablesError(
                f"MODEL_ID: there is no {path} in the container: mount the folder that holds it"
            )
        return
    # The hub's library reads these variables at its import.
    if token := next((value for name in _TOKENS if (value := environment.get(name, "").strip())), None):
        os.environ["HF_TOKEN"] = token
    if not environment.get("HF_ENDPOINT", "").strip():
        os.environ.pop("HF_ENDPOINT", None)
    from sirocco_serving.download.__main__ import download

    # The first process of a container ignores SIGTERM without a handler. vLLM sets its own.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    download(Place(path, variables.model_id, variables.revision))


def main(models: Path = MODELS, settings_file: Path = SETTINGS_FILE) -> NoReturn:
    """Becomes `vllm serve`, or exits: 2 for a wrong variable, 1 for a failed download."""
    environment = dict(os.environ)
    try:
        variables = read_variables(environment)
        settings = complete(_read_file(settings_file), variables)
        path = variables.path(models)
        fetch(variables, path, environment)
    except WrongVariablesError as error:
        _end(WRONG_VALUE, *error.lines)
    except DownloadError as error:
        _end(1, f"MODEL_ID: {_ADVICE[error.code]}" if error.code in _ADVICE else str(error))
    written = Path(tempfile.mkdtemp(prefix="sirocco-")) / "serving.json"
    written.write_text(settings.model_dump_json())
    command = ["vllm", "serve", *arguments(variables, path, settings, sys.argv[1:])]
    os.execvpe(command[0], command, engine_environment(environment, settings, written))  # noqa: S606 - no shell is meant


def _end(status: int, *lines: str) -> NoReturn:
    for line in lines:
        print(f"sirocco launch: {line}", file=sys.stderr, flush=True)  # noqa: T201
    sys.exit(status)


if __name__ == "__main__":
    main()
