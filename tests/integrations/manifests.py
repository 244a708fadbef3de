"""Others' manifests, whose objects lie in several namespaces or in none."""

from collections.abc import Iterator, Sequence

import yaml

from tests.e2e.kubectl import Kubectl, Object


def apply(objects: Sequence[Object]) -> None:
    """Apply them by the API server's own merge, as some are too large to be noted in themselves."""
    for kubectl, group in _by_namespace(objects):
        options = ["--server-side", "--force-conflicts", "--filename", "-"]
        kubectl.run("apply", *options, stdin=yaml.safe_dump_all(group))


def delete(objects: Sequence[Object]) -> None:
    """Delete them, last applied first, and wait until they are gone.

    A server of metrics before all: without its pods it would keep every namespace from ending.
    """
    servers = [one for one in objects if one["kind"] == "APIService"]
    for some in (servers, [one for one in objects if one not in servers]):
        for kubectl, group in reversed([*_by_namespace(some)]):
            options = ["--ignore-not-found", "--filename", "-"]
            kubectl.run("delete", *options, stdin=yaml.safe_dump_all(group), timeout=300)


def _by_namespace(objects: Sequence[Object]) -> Iterator[tuple[Kubectl, list[Object]]]:
    """In the order of first mention; kubectl refuses objects of another namespace than its own."""
    namespaces = [one["metadata"].get("namespace", "default") for one in objects]
    for namespace in dict.fromkeys(namespaces):
        mine = [one for one, of in zip(objects, namespaces, strict=True) if of == namespace]
        yield Kubectl(namespace), mine
