"""Images of others' programs, each with its program alone, in the cluster's node."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.kind import docker, images, versions
from tests.kind.keys import key_of
from tests.kind.paths import BIN, WORK

# By the name of the program among the project's tools: where the program's own manifests look for it.
PATHS: Final[Mapping[str, str]] = {
    "prometheus": "/bin/prometheus",
    "keda-operator": "/keda",
    "keda-adapter": "/keda-adapter",
    "prometheus-adapter": "/adapter",
    "prometheus3": "/bin/prometheus",
    "alertmanager": "/bin/alertmanager",
    "prometheus-operator": "/bin/operator",
    "prometheus-config-reloader": "/bin/prometheus-config-reloader",
}
ADVICE: Final = "Disk full (`df -h`)? Then run this again."


def image(program: str) -> str:
    """The name of a program's image."""
    return f"sirocco/{program}:dev"


def ensure(*programs: str) -> None:
    """Build the images that are not current and load those that the node lacks; raises StepError."""
    for program in programs:
        _build(program)
    images.load_tags([image(program) for program in programs])


def _build(program: str) -> None:
    path = PATHS[program]
    text = f'FROM {versions.BASE_IMAGE}\nCOPY {program} {path}\nUSER 65532\nENTRYPOINT ["{path}"]\n'
    stamp = (BIN / ".stamps" / program).read_text()
    key = key_of(text, stamp, docker.base_key(versions.BASE_IMAGE))
    if docker.image_key(image(program)) == key:
        return
    with tempfile.TemporaryDirectory(prefix="program-", dir=WORK) as folder:
        context = Path(folder)
        shutil.copy(BIN / program, context / program)
        (context / "Dockerfile").write_text(text)
        docker.build(
            image(program),
            context / "Dockerfile",
            context,
            key,
            arguments={},
            log=f"image-{program}",
            advice=ADVICE,
        )
