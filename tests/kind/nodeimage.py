"""The node image: kind's published one, or one built from packages and Go modules."""

import shutil
import tempfile
from pathlib import Path

from tests.kind import base, docker, tools, versions
from tests.kind.keys import files_key, key_of
from tests.kind.paths import BIN, HERE, NODE_BIN, WORK
from tests.kind.steps import run_logged, step

RECIPE = "1"
TAG = f"sirocco/kind-node:{versions.KUBERNETES}"
CONTROL_PLANE = "sirocco/control-plane:build"
KUBE_IMAGES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
NODE_PROGRAMS = ("containerd", "ctr", "containerd-shim-runc-v2", "forget-pods")
ADVICE = "Is the Debian mirror reachable from a build (`docker build --network=host`)? Then run this again."


def published() -> bool:
    """Say whether the published node image is used."""
    return docker.registry_reachable()


def ensure() -> str:
    """Have the node image, with the tools for a cluster, and return its name; raises StepError."""
    if published():
        tools.ensure("cluster")
        return versions.PUBLISHED_NODE_IMAGE
    base.ensure()
    tools.ensure("cluster", "node")
    key = _key()
    if docker.image_key(TAG) != key:
        with (
            step(f"build the node image {TAG}"),
            tempfile.TemporaryDirectory(prefix="node-", dir=WORK) as folder,
        ):
            _build(Path(folder), key)
    return TAG


def control_plane_tags() -> dict[str, list[str]]:
    """Return the image names that kubeadm asks for, by what they are made of here."""
    kube = [f"registry.k8s.io/{name}:{versions.KUBERNETES}" for name in KUBE_IMAGES]
    return {
        "control-plane": [*kube, f"registry.k8s.io/etcd:{versions.ETCD_IMAGE_TAG}"],
        "coredns": [f"registry.k8s.io/coredns/coredns:{versions.COREDNS}"],
        "pause": [f"registry.k8s.io/pause:{tag}" for tag in versions.PAUSE_TAGS],
    }


def _key() -> str:
    files = sorted(str(path.relative_to(HERE)) for path in (HERE / "node").rglob("*") if path.is_file())
    built = [tool.key() for group in ("cluster", "node") for tool in tools.GROUPS[group]]
    names = [name for names in control_plane_tags().values() for name in names]
    return key_of(RECIPE, docker.base_key(versions.BASE_IMAGE), files_key(HERE, files), *built, *names)


def _build(context: Path, key: str) -> None:
    shutil.copytree(HERE / "node", context, dirs_exist_ok=True)
    kind_files = tools.module_folder(tools.KIND.module, tools.KIND.version) / "images/base/files"
    shutil.copytree(kind_files, context / "kind", copy_function=_copy_writable)
    for folder in [path for path in context.rglob("*") if path.is_dir()]:
        folder.chmod(0o755)
    (context / "bin").mkdir()
    for name in NODE_PROGRAMS:
        shutil.copy(NODE_BIN / name, context / "bin" / name)
    shutil.copy(BIN / "kube", context / "bin" / "kube")
    _save_control_plane(context, key)
    arguments = {"BASE": versions.BASE_IMAGE, "KUBERNETES": versions.KUBERNETES}
    docker.build(
        TAG, context / "Dockerfile", context, key, arguments=arguments, log="node-image", advice=ADVICE
    )


def _copy_writable(source: str, target: str) -> None:
    # Files of the Go module cache are read-only, which would keep the context from being removed.
    shutil.copyfile(source, target)
    Path(target).chmod(0o644)


def _save_control_plane(context: Path, key: str) -> None:
    folder = context / "control-plane"
    shutil.copy(BIN / "kube", folder / "kube")
    shutil.copy(BIN / "etcd", folder / "etcd")
    sources = {"control-plane": CONTROL_PLANE}
    base_argument = {"BASE": versions.BASE_IMAGE}
    docker.build(
        CONTROL_PLANE,
        folder / "Dockerfile",
        folder,
        key,
        arguments=base_argument,
        log="control-plane",
        advice=ADVICE,
    )
    for name in ("coredns", "pause"):
        sources[name] = f"sirocco/{name}:build"
        alone = context / f"image-{name}"
        alone.mkdir()
        shutil.copy(NODE_BIN / name, alone / name)
        (alone / "Dockerfile").write_text(f'FROM scratch\nCOPY {name} /{name}\nENTRYPOINT ["/{name}"]\n')
        docker.build(sources[name], alone / "Dockerfile", alone, key, arguments={}, log=name, advice=ADVICE)
    tags = control_plane_tags()
    for name, wanted in tags.items():
        for tag in wanted:
            docker.docker("tag", sources[name], tag)
    (context / "images").mkdir()
    everything = [tag for wanted in tags.values() for tag in wanted]
    archive = context / "images" / "control-plane.tar"
    run_logged(
        [docker.client(), "save", "--output", archive, *everything], "control-plane-save", advice=ADVICE
    )
    # The copies for the build are in the archive now; the node's own context does not need them twice.
    for name in ("control-plane", "image-coredns", "image-pause"):
        shutil.rmtree(context / name)
    docker.docker("image", "rm", *everything, *sources.values())
