"""A project of docker compose, as a person starts it from the repository's folder."""

import http.client
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kind import docker
from tests.kind.paths import BIN, REPOSITORY

PORT = "8000"


def write_variables(path: Path, variables: Mapping[str, str]) -> Path:
    """Writes a file in the place of `.env`."""
    path.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    return path


@dataclass(frozen=True)
class Stack:
    """One project: its name, and the file in the place of `.env`."""

    name: str
    variables: Path

    def compose(
        self, *arguments: str, seconds: float = 120, files: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Calls docker compose and waits for its end; `files` in place of what the variables name."""
        command = [
            str(BIN / "docker-compose"),
            "--project-name",
            self.name,
            "--env-file",
            str(self.variables),
        ]
        command += [word for file in files for word in ("--file", file)]
        # A variable of the shell would win over the file.
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ}
        return subprocess.run(
            [*command, *arguments],
            cwd=REPOSITORY,
            env=kept,
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )

    def config(self, *files: str) -> dict[str, Any]:
        """The service `model` as compose reads the files."""
        done = self.compose("config", "--format", "json", files=files)
        assert done.returncode == 0, done.stderr
        service: dict[str, Any] = json.loads(done.stdout)["services"]["model"]
        return service

    def up(self) -> None:
        """Starts it and waits until it is healthy."""
        done = self.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "400", seconds=450)
        assert done.returncode == 0, f"{done.stderr}\n{self.logs()}"

    def down(self) -> None:
        """Removes all of it."""
        self.compose("down", "--volumes", "--timeout", "20")

    def logs(self) -> str:
        """Everything that the server printed."""
        return self.compose("logs", "--no-color", "--no-log-prefix").stdout

    def container(self) -> str:
        """The id of the server's container."""
        return self.compose("ps", "--all", "--quiet", "model").stdout.strip()

    def inspect(self) -> dict[str, Any]:
        """What Docker says of the container."""
        (found,) = json.loads(docker.docker("inspect", self.container()))
        return dict(found)

    def address(self) -> str:
        """Host and port at which the server answers."""
        return self.compose("port", "model", PORT).stdout.strip()

    def ask(self, method: str, path: str, body: object = None, key: str = "") -> tuple[int, dict[str, Any]]:
        """Status and body of one answer."""
        connection = http.client.HTTPConnection(self.address(), timeout=120)
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or "{}")
        finally:
            connection.close()
