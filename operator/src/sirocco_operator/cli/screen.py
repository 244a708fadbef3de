"""The screen of `sirocco explain`: the chain of evidence about one model, as text."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sirocco_operator.children.pod.template import ENGINE_CONTAINER
from sirocco_operator.children.pod.weights import DOWNLOAD_CONTAINER
from sirocco_operator.cli.evidence import PODS_READ, Evidence
from sirocco_operator.controller.store import Manifest
from sirocco_operator.reconcile.placement import happened
from sirocco_operator.status import pods
from sirocco_operator.status.all_detectors import first_finding
from sirocco_operator.status.detector import Finding
from sirocco_operator.status.messages import bounded, cause_line, masked, quotation
from sirocco_operator.status.model_state import ModelState
from sirocco_operator.status.reasons import MEANINGS, Reason, Stage

WIDTH: Final = 120
# The newest events that are shown.
EVENTS_SHOWN: Final = 12

_CONTAINERS: Final = (DOWNLOAD_CONTAINER, ENGINE_CONTAINER)
_QUIET: Final = (Stage.SETTLED, Stage.WORKING)


def screen(evidence: Evidence, now: datetime) -> str:
    """Everything that explains how the model is, on one screen."""
    metadata, status = evidence.raw["metadata"], evidence.raw.get("status") or {}
    finding, doubts = _finding(evidence), list(_doubts(evidence, now))
    told = status.get("reason", "")
    reason, message = (
        (told, status.get("message", "")) if told and not doubts else (finding.reason, finding.message)
    )
    sections = [
        [
            f"InferenceModel {metadata['namespace']}/{metadata['name']}, generation "
            f"{metadata['generation']}, "
            f"{_age(metadata.get('creationTimestamp'), now)} old, {_uri(evidence.raw)}",
            "",
            *_paragraph(f"{reason}: {message}" if message else str(reason)),
            *(line for doubt in doubts for line in _paragraph(f"! {doubt}.")),
            *_paragraph_unless_told(finding, str(reason), bool(doubts)),
        ],
        _section("CONDITIONS", _conditions(status, str(message), now)),
        _section("PODS", _pods(evidence.observed.pods, now)),
        _section("LAST TERMINATIONS", _terminations(evidence.observed.pods, now)),
        _section("EVENTS", _events(evidence.events, now)),
        _section("LOG LINES", _logs(evidence)),
        _section("NOT SEEN", [f"  {note}" for note in evidence.unread]),
        _section("WHAT TO DO", _advice(evidence, str(reason), bool(doubts))),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _finding(evidence: Evidence) -> Finding:
    """What the operator's detectors find in what was read now."""
    if evidence.model is None:
        return Finding.of(Reason.INVALID_SPEC, quotation(evidence.problem))
    return first_finding(ModelState(evidence.model, evidence.observed))


def _doubts(evidence: Evidence, now: datetime) -> Iterator[str]:
    """Why the status may not tell how the model is."""
    status = evidence.raw.get("status") or {}
    place = evidence.lease_of
    namespace = place.partition("/")[0]
    look = f"see `kubectl get pods -n {namespace}`"
    if evidence.lease is not None:
        spec = evidence.lease.get("spec") or {}
        renewed, holder = pods.time_of(spec.get("renewTime")), spec.get("holderIdentity")
        lasts = timedelta(seconds=int(spec.get("leaseDurationSeconds") or 0))
        if not holder:
            yield f"No operator leads: nobody holds the Lease {place}; {look}"
        elif renewed is None or now - renewed > lasts:
            ago = _age(spec.get("renewTime"), now)
            yield f"No operator leads: {holder} renewed the Lease {place} {ago} ago; {look}"
    elif not any(note.startswith(f"the leases in {namespace} ") for note in evidence.unread):
        yield (
            f"No operator runs: there is no Lease {place}; name its namespace with --operator-namespace, "
            f"or {look}"
        )
    generation, seen = evidence.raw["metadata"]["generation"], status.get("observedGeneration", -1)
    if not status.get("reason"):
        yield "The model has no status yet: the operator has not handled it"
    elif seen < generation:
        yield (
            f"The status is of generation {seen}, the model of generation {generation}: "
            "the last change is not handled"
        )


def _paragraph_unless_told(finding: Finding, reason: str, doubted: bool) -> list[str]:
    """What is seen now, where the status tells of nothing that a person must do."""
    if doubted or finding.reason == reason or MEANINGS[finding.reason].stage in _QUIET:
        return []
    if reason in set(Reason) and MEANINGS[Reason(reason)].stage not in _QUIET:
        return []
    # A download that runs again reports its bytes only to the operator.
    if reason == Reason.DOWNLOADING:
        return []
    return _paragraph(f"! Seen now: {finding.reason}: {finding.message}")


def _conditions(status: Mapping[str, Any], message: str, now: datetime) -> list[str]:
    rows = [
        (
            condition.get("type", ""),
            condition.get("status", ""),
            condition.get("reason", ""),
            _age(condition.get("lastTransitionTime"), now),
            "as above" if condition.get("message") == message else condition.get("message", ""),
        )
        for condition in status.get("conditions") or ()
    ]
    return _table(("TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"), rows)


def _pods(of_model: Sequence[Manifest], now: datetime) -> list[str]:
    shown = sorted(of_model, key=lambda pod: (pods.is_ready(pod), pods.name(pod)))
    rows = [
        (
            pods.name(pod),
            pods.revision(pod),
            str((pod.get("spec") or {}).get("nodeName") or "none"),
            "Terminating" if pods.is_terminating(pod) else pods.phase(pod),
            "yes" if pods.is_ready(pod) else "no",
            str(sum(int(pods.container_status(pod, each).get("restartCount") or 0) for each in _CONTAINERS)),
            _age(pod["metadata"].get("creationTimestamp"), now),
            ", ".join(f"{name}: {reason}" for name, reason, _ in pods.waiting_containers(pod)),
        )
        for pod in shown[:PODS_READ]
    ]
    more = len(shown) - len(rows)
    table = _table(("NAME", "REVISION", "NODE", "PHASE", "READY", "RESTARTS", "AGE", "WAITS"), rows)
    return [*table, *([f"  and {more} more"] if more > 0 else [])]


def _terminations(of_model: Iterable[Manifest], now: datetime) -> list[str]:
    lines: list[str] = []
    for pod in of_model:
        for container in _CONTAINERS:
            ended = pods.termination(pod, container)
            # An init container that did its work has ended, too.
            if ended is None or (container == DOWNLOAD_CONTAINER and not ended.get("exitCode")):
                continue
            words = masked(cause_line(str(ended.get("message", ""))))
            lines.append(
                f"  {pods.name(pod)} {container}: exit code {ended.get('exitCode', 0)} "
                f"({ended.get('reason') or 'no reason'}), {_age(ended.get('finishedAt'), now)} ago"
            )
            lines += _paragraph(words, "    ") if words else []
    return lines


def _events(events: Sequence[Manifest], now: datetime) -> list[str]:
    rows = [
        (
            _age(happened(event), now),
            event.get("type", ""),
            str((event.get("involvedObject") or {}).get("kind", "")),
            event.get("reason", ""),
            " ".join(masked(str(event.get("message", ""))).split()),
        )
        for event in events[-EVENTS_SHOWN:]
    ]
    return _table(("AGE", "TYPE", "OF", "REASON", "MESSAGE"), rows)


def _logs(evidence: Evidence) -> list[str]:
    lines: list[str] = []
    for log in evidence.logs:
        when = ", the run before" if log.previous else ""
        lines.append(f"  {log.pod} {log.container}{when}:")
        lines += [f"    {bounded(line, WIDTH * 2)}" for line in log.lines]
    return lines


def _advice(evidence: Evidence, reason: str, doubted: bool) -> list[str]:
    """What the reason means, what helps, and the commands that show more."""
    metadata = evidence.raw["metadata"]
    where = f"-n {metadata['namespace']}"
    lines: list[str] = []
    if reason in set(Reason):
        meaning = MEANINGS[Reason(reason)]
        fix = f" {meaning.fix[:1].upper()}{meaning.fix[1:]}." if meaning.fix else ""
        lines += _paragraph(f"{meaning.meaning}{fix}")
    lines.append(f"  kubectl describe imodel {where} {metadata['name']}")
    waiting = [pod for pod in evidence.observed.pods if not pods.is_ready(pod)]
    if not evidence.observed.pods and evidence.observed.deployment is not None:
        lines.append(f"  kubectl describe deployment {where} {metadata['name']}")
    if waiting:
        pod = waiting[0]
        lines.append(f"  kubectl describe pod {where} {pods.name(pod)}")
        for container in _CONTAINERS:
            state = pods.container_status(pod, container)
            if (state.get("state") or {}).keys() & {"running", "terminated"} or state.get("lastState"):
                # The log of this run says nothing yet of why the one before ended.
                before = " --previous" if (state.get("lastState") or {}).get("terminated") else ""
                lines.append(f"  kubectl logs {where} {pods.name(pod)} -c {container}{before}")
    if doubted:
        lines.append(f"  kubectl get lease,pods -n {evidence.lease_of.partition('/')[0]}")
    return lines


def _section(title: str, lines: list[str]) -> list[str]:
    return [title, *lines] if lines else []


def _paragraph(text: str, indent: str = "  ") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The rows under their head in columns; the last column is cut where the screen ends."""
    if not rows:
        return []
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head) - 1)]
    return [
        bounded(
            "  "
            + "  ".join(
                [*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]
            ).rstrip(),
            WIDTH * 2,
        )
        for row in (head, *rows)
    ]


def _uri(raw: Manifest) -> str:
    return str(((raw.get("spec") or {}).get("model") or {}).get("uri", ""))


def _age(value: str | None, now: datetime) -> str:
    """How long ago that was, as kubectl writes it."""
    if (then := pods.time_of(value)) is None:
        return "-"
    seconds = max(int((now - then).total_seconds()), 0)
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
