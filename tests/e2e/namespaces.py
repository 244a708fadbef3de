"""Namespaces that a test has for itself."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.kubectl import Kubectl

LABELS = {"pod-security.kubernetes.io/enforce": "restricted"}


@contextmanager
def fresh_namespace(kubectl: Kubectl) -> Iterator[Kubectl]:
    """Make kubectl's namespace anew, admitting restricted pods only; remove it at the end."""
    name = kubectl.namespace
    remove(kubectl)
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": LABELS}})
    # Pods are refused until the controller manager has made it.
    kubectl.until("serviceaccount", "default", lambda _: True, "there")
    yield kubectl
    remove(kubectl)


def remove(kubectl: Kubectl) -> None:
    """Delete a namespace with all that is in it, without the pods' long grace periods."""
    if not kubectl.get("namespace", kubectl.namespace):
        return
    kubectl.delete("namespace", kubectl.namespace, wait=False)
    kubectl.delete("pods", "--all", now=True)
    kubectl.until_gone("namespace", kubectl.namespace)
