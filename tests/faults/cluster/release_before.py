"""The release before this one: its chart and its images, made from its commit."""

import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.e2e import release
from tests.kind import docker, images
from tests.kind.keys import key_of
from tests.kind.paths import REPOSITORY

COMMIT: Final = "d47786c"
"""The last before models had revisions; release 0.1.0 made pods as it does."""

OPERATOR_IMAGE: Final = "sirocco/operator:before"
SERVING_IMAGE: Final = "sirocco/standin:before"
STANDIN_BASE: Final = "sirocco/standin-base:dev"

VALUES: Final[Mapping[str, Any]] = {
    **release.VALUES,
    "image": {"tag": OPERATOR_IMAGE.rpartition(":")[2]},
    "serving": {"cpuImage": SERVING_IMAGE},
}


@contextmanager
def source() -> Iterator[Path]:
    """A folder with the files of the release before."""
    with tempfile.TemporaryDirectory(prefix="sirocco-before-") as folder:
        command = ["git", "-C", str(REPOSITORY), "archive", COMMIT]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                archive.extractall(folder, filter="data")
        assert not process.returncode, f"there is no commit {COMMIT}: fetch the whole history"
        yield Path(folder)


def load_images(folder: Path) -> None:
    """Build the images that are not current, and load them into the cluster."""
    built: list[tuple[str, str, dict[str, str]]] = [
        (OPERATOR_IMAGE, "operator/Dockerfile", {}),
        (SERVING_IMAGE, "serving/Dockerfile", {"BASE": STANDIN_BASE}),
    ]
    for tag, dockerfile, arguments in built:
        key = key_of(COMMIT, *(docker.base_key(base) for base in arguments.values()))
        if docker.image_key(tag) != key:
            log = f"image-before-{dockerfile.partition('/')[0]}"
            advice = images.ADVICE
            docker.build(tag, folder / dockerfile, folder, key, arguments=arguments, log=log, advice=advice)
    images.load_tags([OPERATOR_IMAGE, SERVING_IMAGE])


def install(folder: Path) -> None:
    """Install the release before, with its CRD, and wait until its operator is available."""
    release.Release().install(VALUES, folder / "charts" / "sirocco")
