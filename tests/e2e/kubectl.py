"""The kubectl binary, typed: what the tests ask of the cluster goes through here."""

import json
import subprocess
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from tests.e2e.watch import Watch
from tests.kind.config import CONTEXT
from tests.kind.paths import BIN

Object = dict[str, Any]
Objects = list[Object]
Value = TypeVar("Value")


class KubectlError(AssertionError):
    """kubectl ended with an error; `stderr` is what it said."""

    def __init__(self, arguments: Iterable[str], stderr: str) -> None:
        super().__init__(f"kubectl {' '.join(arguments)}: {stderr.strip()}")
        self.stderr = stderr


class Kubectl:
    """One cluster, one default namespace."""

    def __init__(self, namespace: str = "default") -> None:
        self.namespace = namespace

    def command(self, *arguments: str) -> list[str]:
        """The whole command line of one call."""
        return [str(BIN / "kubectl"), "--context", CONTEXT, "--namespace", self.namespace, *arguments]

    def run(self, *arguments: str, stdin: str | None = None, timeout: float = 120) -> str:
        """Run one command and return its output; `timeout` in seconds. Raises KubectlError."""
        try:
            done = subprocess.run(
                self.command(*arguments), input=stdin, capture_output=True, text=True, timeout=timeout
            )
        except subprocess.TimeoutExpired as error:
            raise KubectlError(arguments, f"no end within {timeout:g} s") from error
        if done.returncode:
            raise KubectlError(arguments, done.stderr or done.stdout)
        return done.stdout

    def apply(self, *manifests: Mapping[str, Any]) -> None:
        """Apply objects as a person with a file would."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.run("apply", "--filename", "-", stdin=json.dumps(items))

    def get(self, kind: str, name: str) -> Object | None:
        """One object, or None where there is none of that name."""
        output = self.run("get", kind, name, "--output", "json", "--ignore-not-found")
        return json.loads(output) if output.strip() else None

    def list(self, kind: str, selector: str = "") -> Objects:
        """The objects of one kind, or of several separated by commas."""
        output = self.run("get", kind, "--selector", selector, "--output", "json")
        items: Objects = json.loads(output)["items"]
        return items

    def list_everywhere(self, kind: str, selector: str = "") -> Objects:
        """The objects of one kind in all namespaces."""
        output = self.run("get", kind, "--all-namespaces", "--selector", selector, "--output", "json")
        items: Objects = json.loads(output)["items"]
        return items

    def patch(self, kind: str, name: str, change: Mapping[str, Any]) -> None:
        """Merge a change into an object, as `kubectl edit` would."""
        self.run("patch", kind, name, "--type", "merge", "--patch", json.dumps(change))

    def delete(self, kind: str, *names: str, wait: bool = True, now: bool = False) -> None:
        """Delete objects; `wait` until they are gone, `now` without their grace period."""
        force = ["--grace-period=0", "--force"] if now else []
        self.run(
            "delete", kind, *names, "--ignore-not-found", f"--wait={str(wait).lower()}", *force, timeout=400
        )

    def evict(self, pod: str) -> None:
        """Ask for a pod's eviction, as `kubectl drain` does."""
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction"
        self.run("create", "--raw", path, "--filename", "-", stdin=json.dumps(eviction))

    def execute(self, pod: str, *command: str, timeout: float = 120) -> str:
        """Run a program in a pod and return its output."""
        return self.run("exec", pod, "--", *command, timeout=timeout)

    def logs(self, pod: str, *options: str) -> str:
        """What a pod's containers wrote; the empty string where there is nothing to read."""
        try:
            return self.run("logs", pod, "--all-containers", *options)
        except KubectlError as error:
            return error.stderr

    def watch(self, kind: str, name: str = "", selector: str = "") -> Watch:
        """Follow objects of one kind; to be used in a `with` statement."""
        chosen = ["--selector", selector] if selector else []
        if name:
            chosen += ["--field-selector", f"metadata.name={name}"]
        return Watch(
            self.command("get", kind, *chosen, "--watch", "--output-watch-events", "--output", "json")
        )

    def until(
        self,
        kind: str,
        name: str,
        condition: Callable[[Object], Value | None],
        describe: str,
        deadline: float = 300,
    ) -> Value:
        """Watch one object until a condition on it is true, and return the condition's value."""
        with self.watch(kind, name) as watch:
            return watch.until(
                lambda objects: condition(objects[name]) if name in objects else None,
                f"{kind} {name} to be {describe}",
                deadline,
            )

    def until_gone(self, kind: str, name: str = "", selector: str = "", deadline: float = 300) -> None:
        """Watch until there is no object of that name, or none with those labels."""
        chosen = [f"{kind}/{name}"] if name else [kind, "--selector", selector]
        self.run("wait", "--for=delete", *chosen, f"--timeout={deadline:g}s", timeout=deadline + 30)
