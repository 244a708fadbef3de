"""Which revision a model's Deployment gets, and which are remembered."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sirocco_operator.children.revision import Failure, Revision, Rollout, Update, makes_other_pods
from sirocco_operator.status import pods

# Enough to go back to, and to know a template that was tried before. Those that pods use are kept beside.
HISTORY_LIMIT: Final = 5


@dataclass(frozen=True)
class Pods:
    """The revisions of a model's pods, by label: of all, of those that are ready, of those that cannot start.

    `failed` has the cause of each. It is empty where failures are to be left alone.
    """

    existing: Collection[str] = ()
    serving: Collection[str] = ()
    failed: Mapping[str, str] = field(default_factory=dict)


def choose(
    built: Revision,
    running: Revision | None,
    remembered: Sequence[Revision],
    found: Pods,
    retry: str = "",
    *,
    may_update: bool = False,
) -> Rollout:
    """The rollout of a model.

    `built` is what this operator makes of the spec now, `running` what the Deployment has. What differs
    between them by the operator's doing alone waits until the model `may_update`, or for the next change of
    the spec: pods do not restart all at once because the operator was upgraded. A revision that cannot start
    gives way to the last one that served, and is not tried again until `retry`, the model's own mark, is
    another.
    """
    known = {each.hash: each for each in remembered}
    if running is not None and running.hash not in known:
        known[running.hash] = _last(running, known.values())
    known = {each.hash: each for each in _with_news(known.values(), found, retry)}
    target, taken_back = _target(built, running, known, may_update)
    if target.hash == built.hash:
        target = replace(known.get(built.hash, built), spec_digest=built.spec_digest)
    known[target.hash] = _last(target, known.values())
    newest = sorted(known.values(), key=lambda each: each.number, reverse=True)
    kept = tuple(
        each
        for place, each in enumerate(newest)
        if place < HISTORY_LIMIT or pods.revision(each.template) in found.existing
    )
    return Rollout(kept[0], kept, taken_back, _update(built, kept[0], known, found))


def find_running(template: Mapping[str, Any], remembered: Sequence[Revision]) -> Revision | None:
    """The revision of a Deployment's pod template, told by its label."""
    label = pods.revision(template)
    matching = [each for each in remembered if pods.revision(each.template) == label]
    return max(matching, key=lambda each: each.number, default=None)


def _with_news(known: Iterable[Revision], found: Pods, retry: str) -> Iterator[Revision]:
    """The revisions with what their pods tell of them, and without failures that are to be forgotten."""
    served = {each.hash for each in known if each.served or pods.revision(each.template) in found.serving}
    for each in known:
        cause = found.failed.get(pods.revision(each.template))
        failure = each.failure
        if each.hash in served or (failure is not None and failure.retry != retry):
            failure = None
        elif failure is None and cause is not None and served:
            failure = Failure(cause, retry)
        yield replace(each, served=each.hash in served, failure=failure)


def _update(built: Revision, current: Revision, known: Mapping[str, Revision], found: Pods) -> Update:
    if current.spec_digest != built.spec_digest:
        return Update.NONE
    if current.hash != built.hash:
        asked = known.get(built.hash)
        if asked is not None and asked.failure:
            return Update.FAILED
        return Update.PENDING if makes_other_pods(built, current) else Update.NONE
    before = [
        each
        for each in known.values()
        if each.served and each.spec_digest == current.spec_digest and each.hash != current.hash
    ]
    left = any(pods.revision(each.template) in found.existing for each in before)
    return Update.UNDER_WAY if left or (before and not current.served) else Update.NONE


def _target(
    built: Revision, running: Revision | None, known: Mapping[str, Revision], may_update: bool
) -> tuple[Revision, str]:
    """The revision to run, and why it is not the one that the spec asks for."""
    newest = sorted(known.values(), key=lambda each: each.number, reverse=True)
    good = next((each for each in newest if each.served), None)
    tried = known.get(built.hash)
    if running is not None and running.spec_digest == built.spec_digest:
        gave_way = tried is not None and tried.failure is not None
        if not gave_way and not (may_update and makes_other_pods(built, running)):
            tried = known[running.hash]
    elif tried is None:
        # One of this spec that has just given way.
        failed = (each for each in newest[:2] if each.failure)
        tried = next((each for each in failed if each.spec_digest == built.spec_digest), None)
    if tried is None:
        return built, ""
    if tried.failure is not None and good is not None:
        return good, tried.failure.cause
    return tried, ""


def _last(revision: Revision, others: Collection[Revision]) -> Revision:
    """The revision with the highest number of all."""
    highest = max((each.number for each in others if each.hash != revision.hash), default=0)
    return revision if revision.number > highest else replace(revision, number=highest + 1)
