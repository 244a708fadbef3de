"""The Docker client: which one to call, what answers it, and what images there are."""

import functools
import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.kind.keys import key_of
from tests.kind.paths import BIN
from tests.kind.steps import StepError, output_of, run_logged, succeeds

KEY_LABEL = "dev.sirocco.key"
REGISTRY = "https://registry-1.docker.io/v2/"
PACKAGED_CLIENT = Path("/usr/bin/docker")
BUILDKIT = {"DOCKER_BUILDKIT": "1"}


def link_client() -> None:
    """Put a client that can build with BuildKit first on our PATH.

    Since 23.0 a client needs the buildx plugin for that; Debian's 20.10 brings it along.
    """
    link = BIN / "docker"
    if link.is_symlink() and link.exists():
        return
    link.unlink(missing_ok=True)
    first = shutil.which("docker")
    if first and PACKAGED_CLIENT.exists() and not succeeds([first, "buildx", "version"]):
        BIN.mkdir(parents=True, exist_ok=True)
        link.symlink_to(PACKAGED_CLIENT)


def client() -> str:
    """Return the Docker client to call; raises StepError when there is none."""
    link = BIN / "docker"
    path = str(link) if link.exists() else shutil.which("docker")
    if not path:
        raise StepError("Docker is missing: run `make cluster` as root on Debian, or install Docker Engine.")
    return path


def answers() -> bool:
    """Say whether a Docker server answers."""
    return shutil.which("docker") is not None and succeeds(
        [client(), "version", "--format", "{{.Server.Version}}"]
    )


@functools.cache
def registry_reachable() -> bool:
    """Say whether images can be pulled from Docker Hub: its API asks for a login, nothing else does so."""
    try:
        urllib.request.urlopen(REGISTRY, timeout=5)
    except urllib.error.HTTPError as error:
        return error.code == 401 and "auth.docker.io" in error.headers.get("WWW-Authenticate", "")
    except OSError:
        return False
    return False


def docker(*arguments: str | Path, seconds: float = 60) -> str:
    """Call the client and return its output; raises StepError."""
    return output_of([client(), *arguments], seconds=seconds)


def image_key(tag: str) -> str | None:
    """Return the content key that an image was built with, None when there is no such image."""
    try:
        text = docker("image", "inspect", "--format", "{{json .Config.Labels}}", tag)
    except StepError:
        return None
    labels: dict[str, str] | None = json.loads(text)
    return (labels or {}).get(KEY_LABEL, "")


def image_id(tag: str) -> str:
    """Return the digest of an image's configuration; raises StepError when there is no such image."""
    return docker("image", "inspect", "--format", "{{.Id}}", tag).strip()


def layers(tag: str) -> list[str]:
    """Return the digests of an image's layers, the lowest first; raises StepError without such an image."""
    digests: list[str] = json.loads(docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", tag))
    return digests


def build(
    tag: str,
    dockerfile: Path,
    context: Path,
    key: str,
    *,
    arguments: Mapping[str, str],
    log: str,
    advice: str,
) -> None:
    """Build an image labelled with its content key from a folder; raises StepError."""
    options: list[str | Path] = ["--network=host", "--label", f"{KEY_LABEL}={key}", "--tag", tag]
    for name, value in arguments.items():
        options += ["--build-arg", f"{name}={value}"]
    command: Sequence[str | Path] = [
        client(),
        "build",
        *options,
        "--progress=plain",
        "--file",
        dockerfile,
        context,
    ]
    run_logged(command, log, advice=advice, env=BUILDKIT)


def prune(*, all_caches: bool) -> None:
    """Remove our images that have lost their tag, and, in a Docker of our own, build caches beyond 12 GB."""
    docker("image", "prune", "--force", "--filter", f"label={KEY_LABEL}", seconds=300)
    if all_caches:
        docker("builder", "prune", "--force", "--keep-storage", "12GB", seconds=300)


def base_key(image: str) -> str:
    """Return what a build on this image depends on: its key when it is ours, else its name."""
    return key_of(image, image_key(image) or "")


def environment() -> dict[str, str]:
    """Return what a shell needs: our tools first on PATH, and BuildKit on."""
    return {"PATH": f"{BIN}:{os.environ.get('PATH', '')}", **BUILDKIT}
