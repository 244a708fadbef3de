"""The base image, made from Debian packages where it can't be pulled."""

import shutil
import tempfile
from pathlib import Path

from tests.kind import docker, host, leftovers, versions
from tests.kind.keys import key_of
from tests.kind.paths import WORK
from tests.kind.steps import StepError, is_root, run_logged, step

RECIPE = "1"
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
ADVICE = "Is the Debian mirror reachable (`apt-get update`)? Then run the same command again."


def ensure() -> None:
    """Have the base image: by pull where the registry answers, else by debootstrap. Raises StepError."""
    if docker.registry_reachable():
        return
    key = key_of(RECIPE, versions.DEBIAN, CA_BUNDLE.read_bytes() if CA_BUNDLE.exists() else "")
    if docker.image_key(versions.BASE_IMAGE) == key:
        return
    if not is_root():
        raise StepError(
            f"{versions.BASE_IMAGE} can't be pulled ({docker.REGISTRY} does not answer), and building it"
            " takes root: run this as root, or give the machine access to the registry."
        )
    with step(f"build {versions.BASE_IMAGE} from Debian packages"):
        if shutil.which("debootstrap") is None:
            host.install_packages()
        _build(key)


def _build(key: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix="base-", dir=WORK))
    root = folder / "root"
    try:
        mirror = host.debian_mirror(versions.DEBIAN)
        command: list[str | Path] = [
            "debootstrap",
            "--variant=minbase",
            "--include=ca-certificates",
            versions.DEBIAN,
            root,
            mirror,
        ]
        run_logged(command, "debootstrap", advice=ADVICE)
        if CA_BUNDLE.exists():
            # What builds on this reaches the registries through whatever this machine trusts.
            shutil.copy(CA_BUNDLE, root / CA_BUNDLE.relative_to("/"))
        shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
        (root / "var/cache/apt/archives/partial").mkdir(parents=True)
        archive = folder / "base.tar"
        run_logged(["tar", "--numeric-owner", "-C", root, "-cf", archive, "."], "base-tar", advice=ADVICE)
        changes = ["--change", f"LABEL {docker.KEY_LABEL}={key}", "--change", 'CMD ["bash"]']
        docker.docker("import", *changes, archive, versions.BASE_IMAGE, seconds=300)
    finally:
        leftovers.unmount_below(folder)
        shutil.rmtree(folder, ignore_errors=True)
