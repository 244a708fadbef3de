"""Detectors for the init container that downloads hf:// weights."""

import re
from collections.abc import Mapping

from sirocco_operator.children.pod.weights import DOWNLOAD_CONTAINER
from sirocco_operator.status import pods
from sirocco_operator.status.detector import Detect, Detector
from sirocco_operator.status.evictions import evicted
from sirocco_operator.status.messages import byte_size, cause_line
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.reasons import Reason, Stage

# The last line of `sirocco_serving.download` on stderr; its sentence is written for users.
ERROR_LINE = re.compile(r"sirocco download: ([a-z-]+): (.+)")


def download_failed(codes: frozenset[str] = frozenset()) -> Detect:
    """Detects a download that failed with one of these codes; without codes, with any."""

    def detect(state: ModelState) -> Mapping[str, str] | None:
        for pod in state.unready_pods:
            # A restarted download that reports bytes again makes progress.
            if pods.name(pod) in state.observed.downloads and pods.is_running(pod, DOWNLOAD_CONTAINER):
                continue
            ended = pods.termination(pod, DOWNLOAD_CONTAINER)
            if not ended or not ended.get("exitCode"):
                continue
            log = str(ended.get("message", ""))
            error = ERROR_LINE.search(log)
            if codes and (not error or error.group(1) not in codes):
                continue
            quote = error.group(2) if error else cause_line(log)
            return {"quote": quote or f"exit code {ended['exitCode']}", "name": _repository(state)}
        return None

    return detect


def downloading(state: ModelState) -> Mapping[str, str] | None:
    """Detects running downloads, and reports the one that is least advanced."""
    running = [pod for pod in state.unready_pods if pods.is_running(pod, DOWNLOAD_CONTAINER)]
    if not running:
        return None
    known = [found for pod in running if (found := state.observed.downloads.get(pods.name(pod)))]
    if not known:
        return {"progress": _repository(state)}
    least = min(known, key=lambda download: download.done_bytes)
    done = byte_size(least.done_bytes)
    if least.total_bytes is None:
        return {"progress": f"{done} of {_repository(state)}"}
    total = byte_size(least.total_bytes)
    unit = "" if total.split()[1] != done.split()[1] else done.split()[1]
    return {"progress": f"{done.removesuffix(unit).rstrip()} of {total} of {_repository(state)}"}


def _repository(state: ModelState) -> str:
    return state.model.spec.model.uri.removeprefix("hf://")


FAILED_DETECTORS = (
    Detector(
        Reason.DOWNLOAD_FAILED,
        download_failed(frozenset({"not-found", "forbidden", "no-space", "no-access"})),
        "{quote}",
        "",
        Stage.FAILED,
    ),
    Detector(
        Reason.DOWNLOAD_FAILED,
        download_failed(frozenset({"no-network", "stalled"})),
        "{quote}",
        "",
        Stage.WAITING,
    ),
    Detector(
        Reason.DOWNLOAD_FAILED,
        evicted(r'EmptyDir volume "models" exceeds'),
        "{name} does not fit into the pod: {quote}",
        "raise cache.sizeLimit, or keep the weights in a PersistentVolumeClaim that is large enough "
        "(cache.claimName)",
        Stage.FAILED,
    ),
    Detector(Reason.DOWNLOAD_FAILED, download_failed(), "the download of {name} failed: {quote}"),
)
WORKING_DETECTORS = (Detector(Reason.DOWNLOADING, downloading, "the pod downloads {progress}"),)
