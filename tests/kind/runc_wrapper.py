"""runc on a host without CAP_SYS_RESOURCE: run as Docker's default runtime, `runc_wrapper.py RUNC ARGS...`.

`docker run --privileged` asks for every capability, and runc fails on one that the host lacks. This takes it
out of the container's configuration and then becomes runc. It is copied out of the clone: standard library
only, and nothing else of this package.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

MISSING = "CAP_SYS_RESOURCE"


def without_capability(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a bundle's configuration, or the process of an exec, without one capability in any set."""
    if "process" in document:
        return {**document, "process": without_capability(document["process"], name)}
    sets = document.get("capabilities")
    if not sets:
        return document
    return {
        **document,
        "capabilities": {kind: [each for each in names if each != name] for kind, names in sets.items()},
    }


def edited_file(arguments: list[str]) -> Path | None:
    """Return the file that a runc command line takes its process from, None for commands without one."""
    if "exec" in arguments:
        path = _option(arguments, "--process", "-p")
        return Path(path) if path else None
    if {"create", "run"} & set(arguments):
        return Path(_option(arguments, "--bundle", "-b") or ".") / "config.json"
    return None


def _option(arguments: list[str], *names: str) -> str | None:
    for position, word in enumerate(arguments):
        if word in names and position + 1 < len(arguments):
            return arguments[position + 1]
        for name in names:
            if word.startswith(f"{name}="):
                return word.removeprefix(f"{name}=")
    return None


def main() -> None:
    """Edit the file that the command names, then become runc."""
    runc, arguments = sys.argv[1], sys.argv[2:]
    path = edited_file(arguments)
    if path:
        document = without_capability(json.loads(path.read_text()), MISSING)
        path.write_text(json.dumps(document))
    os.execv(runc, [runc, *arguments])  # noqa: S606


if __name__ == "__main__":
    main()
