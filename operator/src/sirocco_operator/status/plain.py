"""The states of a model that has no trouble."""

from collections.abc import Mapping

from sirocco_operator.status import pods
from sirocco_operator.status.text import size
from sirocco_operator.status.view import View


def stopping(view: View) -> Mapping[str, str] | None:
    """Pods that are left though none is wanted."""
    left = [pod for pod in view.observed.pods if not pods.is_over(pod)]
    if view.wanted or not left:
        return None
    return {"pods": "1 pod is" if len(left) == 1 else f"{len(left)} pods are"}


def stopped(view: View) -> Mapping[str, str] | None:
    """None wanted."""
    return None if view.wanted else {}


def downloading(view: View) -> Mapping[str, str] | None:
    """The pod whose download is least advanced, of those whose downloader runs."""
    loading = [pod for pod in view.unready if pods.is_running(pod, pods.DOWNLOAD_CONTAINER)]
    if not loading:
        return None
    name = view.model.spec.model.uri.removeprefix("hf://")
    known = [
        view.observed.downloads[pods.name(pod)]
        for pod in loading
        if pods.name(pod) in view.observed.downloads
    ]
    if not known:
        return {"progress": name}
    least = min(known, key=lambda download: download.done_bytes)
    done = size(least.done_bytes)
    of_total = f"{done} of {size(least.total_bytes)}" if least.total_bytes is not None else done
    return {"progress": f"{of_total} of {name}"}


def loading(view: View) -> Mapping[str, str] | None:
    """An engine that runs and does not answer yet."""
    if any(pods.is_running(pod, pods.MAIN_CONTAINER) for pod in view.unready):
        return {"model": view.model.spec.model.uri}
    return None


def rolling_out(view: View) -> Mapping[str, str] | None:
    """Old pods that still serve."""
    if not view.is_rolling_out:
        return None
    updated = sum(pods.is_ready(pod) for pod in view.current)
    return {"updated": str(updated), "wanted": str(view.wanted)}


def ready(view: View) -> Mapping[str, str] | None:
    """As many serve as are wanted."""
    if len(view.serving) < view.wanted:
        return None
    return {"serving": str(len(view.serving)), "wanted": str(view.wanted)}


def starting(view: View) -> Mapping[str, str] | None:
    """What is left: pods that are not there, or not started."""
    return {"created": str(len(view.current)), "wanted": str(view.wanted)}
