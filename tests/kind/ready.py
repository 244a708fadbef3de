"""Everything at once: images are built, which waits for downloads and disks, while programs are compiled."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.kind import base, cluster, host, images, nodeimage, tools

TESTED = ("api", "chart", "compose", "monitoring")


def ensure(gpus: int, *, demo: bool) -> None:
    """Have a ready cluster with the images in its node: all, or those of the demo. Raises StepError."""
    _beside_images(lambda: cluster.ensure(gpus), demo=demo)
    images.load(demo=demo)


def prepare() -> None:
    """Build what `make test` needs, and start nothing but Docker; raises StepError."""

    def make_tools() -> None:
        tools.ensure(*TESTED, "cluster", *(() if nodeimage.published() else ("node",)))
        nodeimage.ensure()

    _beside_images(make_tools, demo=False)


def _beside_images(work: Callable[[], None], *, demo: bool) -> None:
    host.ensure_docker()
    base.ensure()
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(images.ensure, demo=demo)
        work()
        building.result()
