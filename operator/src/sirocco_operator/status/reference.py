"""Writes docs/status.md, the page of all reasons. Run it from the repository's root."""

from pathlib import Path

from sirocco_operator.status.all_detectors import DETECTORS
from sirocco_operator.status.reasons import CONDITIONS, MEANINGS, Reason
from sirocco_operator.status.scaling_reasons import SCALING_MEANINGS

PATH = Path("docs/status.md")

HEAD = """\
<!-- Written by `python -m sirocco_operator.status.reference`; edit operator/src/sirocco_operator/status/. -->
# What the status says

`kubectl get imodel` shows READY and REASON; `kubectl get imodel NAME -o jsonpath='{.status.message}'`
gives the sentence with the cause and the fix.

- **Ready** is True while at least one pod serves, of the wanted or of an older revision: the Service answers.
- **Progressing** is True while the model is on its way to what was asked for.
- **Degraded** is True while something must change before it gets there.

`.status.reason` is the most telling of the reasons below. Where several hold, the one further up is told.

| Reason | Progressing | Degraded | Meaning | What to do |
|---|---|---|---|---|
"""

SCALING_HEAD = """
## ScalingActive

With `autoscaling` there is a fourth condition: True while the replica count follows the load. Its message
says what the count was last decided by, e.g. `3 → 5: 41 in flight, target 8 a replica`;
`.status.desiredReplicas` is the count. More in [autoscaling.md](autoscaling.md).

| Reason | ScalingActive | Meaning | What to do |
|---|---|---|---|
"""


def reference() -> str:
    """The page, as Markdown; reasons in the order of the detectors."""
    # `compute.invalid` tells of what no detector gets to see.
    reasons = dict.fromkeys((Reason.INVALID_SPEC, *(detector.reason for detector in DETECTORS)))
    lines = []
    for reason in reasons:
        meaning = MEANINGS[reason]
        progressing, degraded = CONDITIONS[meaning.stage]
        advice = _advice(meaning.fix)
        lines.append(f"| `{reason}` | {progressing} | {degraded} | {meaning.meaning} | {advice} |\n")
    scaling = [
        f"| `{reason}` | {meaning.active} | {meaning.meaning} | {_advice(meaning.fix)} |\n"
        for reason, meaning in SCALING_MEANINGS.items()
    ]
    return HEAD + "".join(lines) + SCALING_HEAD + "".join(scaling)


def _advice(fix: str) -> str:
    return fix[:1].upper() + fix[1:] + "." if fix else "-"


if __name__ == "__main__":
    PATH.write_text(reference(), encoding="utf-8")
