"""Programs built from Go modules."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.kind import versions
from tests.kind.gomod import build_module
from tests.kind.paths import WORK
from tests.kind.steps import output_of, run_logged
from tests.kind.tool import Tool

ADVICE = "Is the Go module proxy reachable (`go env GOPROXY`)? Then run the same command again."

# No debugger's data, and less collecting of the compiler's garbage: a fifth less work, measured.
FAST = ("-trimpath", "-gcflags=all=-dwarf=false")
ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod -buildvcs=false", "GOGC": "400"}


def module_folder(module: str, version: str) -> Path:
    """Download a Go module and return its folder in the module cache."""
    text = output_of(
        ["go", "mod", "download", "-json", f"{module}@{version}"], env={"GO111MODULE": "on"}, seconds=600
    )
    return Path(json.loads(text)["Dir"])


def build(tools: Sequence[Tool]) -> None:
    """Build one program, or several of the node's, which are made together; raises StepError."""
    with tempfile.TemporaryDirectory(prefix=f"{tools[0].name}-", dir=WORK) as folder:
        work = Path(folder)
        (work / "out").mkdir()
        first = tools[0]
        flags = [*FAST, "-ldflags", first.ldflags(), *(["-tags", first.tags] if first.tags else [])]
        log = f"build-{first.name}"
        if first.how == "install":
            env = {**ENVIRONMENT, "GOFLAGS": "-buildvcs=false", "GOBIN": str(work / "out")}
            target = f"{first.package}@{first.version}"
            run_logged(["go", "install", *flags, target], log, advice=ADVICE, env=env, cwd=work)
        else:
            _write_module(tools, work)
            command = ["go", "build", *flags, "-o", f"{work / 'out'}/", *(tool.package for tool in tools)]
            run_logged(command, log, advice=ADVICE, env=ENVIRONMENT, cwd=work)
        for tool in tools:
            tool.publish(work / "out" / built_name(tool))


def built_name(tool: Tool) -> str:
    """Return what `go` calls a program: the last part of its package's path, a major version aside."""
    return Path(tool.package.removesuffix("/v2").removesuffix("/v3")).name


def _write_module(tools: Sequence[Tool], work: Path) -> None:
    first = tools[0]
    for tool in tools:
        if source := tool.source():
            (work / tool.name).mkdir()
            shutil.copy(source, work / tool.name / "main.go")
    if first.how == "node":
        module, version, local = "k8s.io/kubernetes", versions.KUBERNETES, versions.KUBERNETES_LIBRARIES
        more = {name: pinned for name, pinned in versions.NODE_MODULES.items() if name != module}
    else:
        module, version, local = first.module, first.version, first.version
        more = dict([first.beside.split()]) if first.beside else {}
    published = module_folder(module, version)
    text = build_module((published / "go.mod").read_text(), module, version, local)
    (work / "go.mod").write_text(
        text + "".join(f"require {name} {pinned}\n" for name, pinned in more.items())
    )
    # The module cache is read-only; go.sum has to grow by the libraries' own sums.
    (work / "go.sum").write_bytes((published / "go.sum").read_bytes())
