"""Writes docs/status.md, the page of all reasons. Run it from the repository's root."""

from pathlib import Path

from sirocco_operator.status.all_detectors import DETECTORS
from sirocco_operator.status.reasons import MEANINGS, Reason, Stage
from sirocco_operator.status.scaling_reasons import SCALING_MEANINGS

PATH = Path("docs/status.md")

HEAD = """\
<!-- Written by `python -m sirocco_operator.status.reference`; edit operator/src/sirocco_operator/status/. -->
# What the status says

`kubectl get imodel` shows READY and REASON; `kubectl get imodel NAME -o jsonpath='{.status.message}'`
gives the sentence with the cause and the fix. `sirocco explain NAME` prints the whole evidence:
[explain.md](explain.md).

- **Ready** is True while the model is as its spec asks: as many pods of the present spec serve as are wanted
  (with autoscaling, `minReplicas`), and none of an older one. With `replicas: 0`: no pod is left.
- **Available** is True while the Service answers, by pods of the present or an older spec.
- **Reconciling** is True while the model is on its way to what its spec asks, or may get there by itself.
- **Stalled** is True when somebody probably has to act: the cause cannot end by itself, or it has lasted for
  the startup budget. The message says what to do. A stalled model goes on by itself once its cause is gone.

Of Ready, Reconciling and Stalled exactly one is True; how tools read them: [gitops.md](gitops.md).
Each condition carries the model's reason, with these exceptions: Available has the reason `Available` while
it is True, and Reconciling and Stalled have `NotReconciling` and `NotStalled` while they are False.

`.status.reason` is one of the reasons below. Where several hold, it is the one further up, except that
`ProgressDeadlineExceeded` replaces a reason marked *never*.
With autoscaling, replicas beyond `minReplicas` may wait or fail while the model is Ready.

When a model that is not Ready counts as Stalled:

- *at once*: it cannot end without a change.
- *budget*: when the model has made no progress for the startup budget (`startup.budgetSeconds`): no new
  spec, and no step of what goes on by itself, such as bytes of a download. `.status.lastProgressTime` is when
  it last did.
- *budget, or 3 starts*: also when the engine or the download has failed three times without coming up.
- *never*: it goes on by itself. If nothing moves for the startup budget, and nothing is at work that may take
  longer, the reason becomes `ProgressDeadlineExceeded`.

Where a cell has several, separated by `/`, it depends on the cause; the condition Stalled says which it is.

| Reason | Stalled | Meaning | What to do |
|---|---|---|---|
"""

STALLED = {
    Stage.SETTLED: "-",
    Stage.WORKING: "never",
    Stage.WAITING: "budget",
    Stage.RETRYING: "budget, or 3 starts",
    Stage.FAILED: "at once",
}

SCALING_HEAD = """
## ScalingActive

With `autoscaling` there is a fifth condition: True while the replica count follows the load. Its message
says what the count was last decided by, e.g. `3 → 5: 41 in flight, target 8 a replica`;
`.status.desiredReplicas` is the count. More in [autoscaling.md](autoscaling.md).

| Reason | ScalingActive | Meaning | What to do |
|---|---|---|---|
"""


def reference() -> str:
    """The page, as Markdown; reasons in the order of the detectors."""
    # These two tell of what no detector gets to see.
    found = (detector.reason for detector in DETECTORS)
    reasons = dict.fromkeys((Reason.INVALID_SPEC, *found, Reason.PROGRESS_DEADLINE_EXCEEDED))
    lines = []
    for reason in reasons:
        meaning = MEANINGS[reason]
        stages = dict.fromkeys(
            (*(each.stage or meaning.stage for each in DETECTORS if each.reason is reason), meaning.stage)
        )
        stalled = " / ".join(STALLED[stage] for stage in stages)
        lines.append(f"| `{reason}` | {stalled} | {meaning.meaning} | {_advice(meaning.fix)} |\n")
    scaling = [
        f"| `{reason}` | {meaning.active} | {meaning.meaning} | {_advice(meaning.fix)} |\n"
        for reason, meaning in SCALING_MEANINGS.items()
    ]
    return HEAD + "".join(lines) + SCALING_HEAD + "".join(scaling)


def _advice(fix: str) -> str:
    return fix[:1].upper() + fix[1:] + "." if fix else "-"


if __name__ == "__main__":
    PATH.write_text(reference(), encoding="utf-8")
