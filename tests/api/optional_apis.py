"""APIs that others bring to a cluster, as far as the operator's objects need them."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.api.client import Client
from tests.api.models import wait_gone


@contextmanager
def served(client: Client, group: str, version: str, kind: str, plural: str) -> Iterator[None]:
    """The cluster has the kind, with any spec, until the block ends; then it is gone."""
    name = f"{plural}.{group}"
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    client.apply(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": name},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
                "versions": [
                    {
                        "name": version,
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything}}},
                    }
                ],
            },
        }
    )
    client.wait_established(name)
    yield
    client.delete("CustomResourceDefinition", None, name)
    wait_gone(client, "CustomResourceDefinition", None, name)
