"""What a person would look at when something in the cluster is not as it should be."""

from collections.abc import Callable, Iterator, Sequence

from tests.e2e import release
from tests.e2e.kubectl import Kubectl

LOG_LINES = 60
API_SERVICE = "v1beta2.custom.metrics.k8s.io"


def diagnose(namespaces: Sequence[str]) -> str:
    """Models, events, pods and logs of the namespaces, and the operator's own, as one text."""
    return "\n\n".join(section for namespace in namespaces for section in _sections(namespace))


def _sections(namespace: str) -> Iterator[str]:
    kubectl = Kubectl(namespace)

    def show(*arguments: str) -> str:
        return _shown(lambda: kubectl.run(*arguments), f"{namespace}: kubectl {' '.join(arguments)}")

    yield show("get", "pods", "--output", "wide")
    if namespace == release.NAMESPACE:
        yield show("get", "lease", release.OPERATOR, "--output", "yaml")
        yield show("get", "apiservice", API_SERVICE, "--ignore-not-found", "--output", "yaml")
    else:
        yield show("get", "imodel", "--output", "yaml")
        yield show("describe", "hpa")
        yield show("describe", "pods")
    yield show("get", "events", "--sort-by", ".lastTimestamp")
    for pod in _pod_names(kubectl):
        log = kubectl.logs(pod, "--prefix", f"--tail={LOG_LINES}")
        yield f"--- {namespace}: logs of {pod}\n{log}"
        before = kubectl.logs(pod, "--previous", f"--tail={LOG_LINES}")
        if "not found" not in before:
            yield f"--- {namespace}: logs of {pod} before its restart\n{before}"


def _pod_names(kubectl: Kubectl) -> Sequence[str]:
    try:
        return [pod["metadata"]["name"] for pod in kubectl.list("pods")]
    except AssertionError:
        return []


def _shown(read: Callable[[], str], title: str) -> str:
    try:
        return f"--- {title}\n{read()}"
    except AssertionError as error:
        return f"--- {title}\n{error}"
