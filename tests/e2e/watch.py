"""Following objects through `kubectl get --watch`: waits that poll nothing."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

Object = dict[str, Any]
Value = TypeVar("Value")

RESTART_SECONDS: Final = 1.0


class Watch:
    """Objects by name as they are now, and each state that they were seen in.

    Objects of the first list come one by one: ask what is there, not what is missing.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.history: list[Object] = []
        self._command = command
        self._objects: dict[str, Object] = {}
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._error = ""
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        if self._process:
            self._process.kill()
        self._thread.join(10)

    def until(
        self, condition: Callable[[dict[str, Object]], Value | None], describe: str, deadline: float = 300
    ) -> Value:
        """Wait until a condition on the objects by name is true; `deadline` in seconds. Returns its value."""
        ends = time.monotonic() + deadline
        with self._changed:
            while True:
                if value := condition(self._objects):
                    return value
                if not self._changed.wait(max(0.0, ends - time.monotonic())):
                    raise AssertionError(f"waited {deadline:g} s for {describe}; last seen: {self._seen()}")

    def _seen(self) -> str:
        if not self._objects:
            return self._error or "no such object"
        return json.dumps({name: one.get("status", one) for name, one in self._objects.items()}, indent=1)

    def _follow(self) -> None:
        while not self._closed.is_set():
            self._process = subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            stdout, stderr = self._process.stdout, self._process.stderr
            assert stdout
            assert stderr
            for line in stdout:
                self._take(json.loads(line))
            self._error = stderr.read()
            self._process.wait()
            self._closed.wait(RESTART_SECONDS)
            with self._changed:
                self._objects.clear()

    def _take(self, event: Object) -> None:
        one = event["object"]
        name = one.get("metadata", {}).get("name", "")
        with self._changed:
            if event["type"] == "DELETED":
                self._objects.pop(name, None)
            elif event["type"] in {"ADDED", "MODIFIED"}:
                self._objects[name] = one
                self.history.append(one)
            self._changed.notify_all()
