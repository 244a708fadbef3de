"""The project's images: build what is not current, and load into the node what it lacks."""

import shlex
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.kind import base, config, docker, host, store, versions
from tests.kind.archive import MissingLayerError, read_saved, write_archive
from tests.kind.keys import files_below, files_key, key_of
from tests.kind.paths import REPOSITORY, WORK
from tests.kind.steps import StepError, run_logged, say, step

LOADED = f"{config.IMAGE_STORE}/sirocco-loaded"
"""In the node's image store: a file an image, holding the digest that was loaded under its name."""

ADVICE = "Are PyPI and the Debian mirror reachable from a build? Then run the same command again."

LOAD_ADVICE = f"Disk full (`df -h`)? {config.NODE} healthy? Then run this again."


@dataclass(frozen=True)
class Image:
    """One image: its Dockerfile, the only paths that its build sees, the images below it, build arguments.

    loaded: the node gets it. demo: the demo needs it, or an image that stands on it.
    """

    tag: str
    dockerfile: str
    inputs: tuple[str, ...]
    bases: tuple[str, ...] = (versions.BASE_IMAGE,)
    arguments: dict[str, str] = field(default_factory=dict)
    loaded: bool = True
    demo: bool = True


_CTR = ("ctr", "-n", "k8s.io")
_LOCK = ("pyproject.toml", "uv.lock")
_SERVING = (
    "serving/Dockerfile",
    "serving/libraries.txt",
    "serving/pyproject.toml",
    "serving/src",
)
_VLLM = "sirocco/vllm-cpu:0.32.0"
_STANDIN = "sirocco/standin-base:dev"

IMAGES = (
    Image("sirocco/operator:dev", "operator/Dockerfile", ("operator", "serving/pyproject.toml", *_LOCK)),
    Image(_VLLM, "serving/cpu-base/Dockerfile", ("serving/cpu-base",), loaded=False),
    Image(
        "sirocco/serving-cpu:dev", "serving/Dockerfile", _SERVING, bases=(_VLLM,), arguments={"BASE": _VLLM}
    ),
    Image(_STANDIN, "tests/standin/Dockerfile", ("tests/standin",), demo=False),
    Image(
        "sirocco/standin:dev",
        "serving/Dockerfile",
        _SERVING,
        bases=(_STANDIN,),
        arguments={"BASE": _STANDIN},
        demo=False,
    ),
    Image(
        "sirocco/smollm2-135m-instruct:1",
        "tests/kind/smollm2/Dockerfile",
        ("tests/kind/smollm2",),
        bases=(_VLLM,),
        arguments={"BASE": _VLLM},
    ),
)


def image_key(image: Image, root: Path) -> str:
    """Hash what decides how an image comes out: its inputs, arguments and the images it stands on."""
    arguments = [word for pair in sorted(image.arguments.items()) for word in pair]
    bases = [docker.base_key(name) for name in image.bases]
    return key_of(image.dockerfile, files_key(root, files_below(root, *image.inputs)), *arguments, *bases)


def chosen(*, demo: bool) -> list[Image]:
    """Return all images, or those that the demo needs, in the order in which they stand on one another."""
    return [image for image in IMAGES if image.demo or not demo]


def ensure(*, demo: bool = False) -> None:
    """Build the images that are not current: all, or those that the demo needs. Raises StepError."""
    base.ensure()
    built = 0
    wanted = chosen(demo=demo)
    for image in wanted:
        key = image_key(image, REPOSITORY)
        if docker.image_key(image.tag) != key:
            with step(f"build {image.tag}"):
                _build(image, key)
            built += 1
    if built:
        docker.prune(all_caches=host.started_here() is not None)
    say(f"images: {built} built, {len(wanted) - built} current")


def load(*, demo: bool = False) -> None:
    """Load the images that the node lacks or has in another version; raises StepError."""
    load_tags([image.tag for image in chosen(demo=demo) if image.loaded])


def load_tags(tags: Sequence[str]) -> None:
    """The same for any images that Docker has."""
    present = docker.docker("exec", config.NODE, *_CTR, "images", "ls", "-q").split()
    count = 0
    for tag in tags:
        digest = docker.image_id(tag)
        mark = f"{LOADED}/{tag.replace('/', '_')}"
        known = f"docker.io/{tag}" in present
        if known and _mark(mark) == digest:
            continue
        with step(f"load {tag} into the node"), store.writing():
            docker.docker("exec", config.NODE, "sh", "-c", f"mkdir -p {LOADED} && rm -f {mark}")
            if not (known and _load_changes(tag)):
                _load_all(tag)
            docker.docker("exec", config.NODE, "sh", "-c", f"echo {digest} > {mark}")
        count += 1
    say(f"node: {count} images loaded, {len(tags) - count} current")


def _load_all(tag: str) -> None:
    client = shlex.quote(docker.client())
    command = f"{client} save {tag} | {client} exec -i {config.NODE} {' '.join(_CTR)} images import -"
    run_logged(["bash", "-c", f"set -o pipefail; {command}"], "load", advice=LOAD_ADVICE)


def _load_changes(tag: str) -> bool:
    """Load an image's layers that the node lacks; False when that does not do."""
    present = set(docker.docker("exec", config.NODE, *_CTR, "content", "ls", "-q").split())
    if not present.issuperset(_layers_below(tag)):
        # What is new is most of the image.
        return False
    with tempfile.TemporaryDirectory(prefix="load-", dir=WORK) as folder:
        target = Path(folder) / "image.tar"
        try:
            with subprocess.Popen([docker.client(), "save", tag], stdout=subprocess.PIPE) as process:
                assert process.stdout
                saved = read_saved(process.stdout, Path(folder))
            count = write_archive(saved, tag, present, target)
        except (MissingLayerError, tarfile.TarError):
            return False
        say(f"    {count} new layers")
        command = [docker.client(), "exec", "-i", config.NODE, *_CTR, "images", "import", "-"]
        run_logged(command, "load", advice=LOAD_ADVICE, stdin=target)
    return True


def _layers_below(tag: str) -> set[str]:
    """Return the layers of our images that an image stands on."""
    bases = [base for image in IMAGES if image.tag == tag for base in image.bases]
    return {layer for base in bases if base != versions.BASE_IMAGE for layer in docker.layers(base)}


def _mark(path: str) -> str:
    try:
        return docker.docker("exec", config.NODE, "cat", path).strip()
    except StepError:
        return ""


def _build(image: Image, key: str) -> None:
    with tempfile.TemporaryDirectory(prefix="context-", dir=WORK) as folder:
        context = Path(folder)
        # The build sees what the key was made from, and nothing else.
        for name in files_below(REPOSITORY, *image.inputs):
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, context / name)
        name = image.tag.rpartition("/")[2].partition(":")[0]
        docker.build(
            image.tag,
            context / image.dockerfile,
            context,
            key,
            arguments=image.arguments,
            log=f"image-{name}",
            advice=ADVICE,
        )
