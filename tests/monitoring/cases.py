"""For each alert: what it fires on, and what is just not enough."""

from typing import Final

from tests.monitoring.case import MODEL, OF, Case, Firing
from tests.monitoring.objectives import OBJECTIVES

LEADER: Final = 'namespace="sirocco-system",job="sirocco-operator",instance="a:8080"'
FOLLOWER: Final = 'namespace="sirocco-system",job="sirocco-operator",instance="b:8080"'
OPERATOR: Final = {"namespace": "sirocco-system", "job": "sirocco-operator"}


def unavailable(available: str, replicas: str = "3x40", state: str = "EngineCrashed") -> dict[str, str]:
    """A model as the leader tells it."""
    return {
        f"sirocco_operator_model_available{{{OF}}}": available,
        f"sirocco_operator_model_replicas{{{OF}}}": replicas,
        f'sirocco_operator_model_state{{{OF},state="{state}"}}': "1x40",
    }


UNAVAILABLE: Final = Firing(
    "critical",
    MODEL,
    "No pod of team/mistral answers.",
    "For 15 minutes no pod of the model has served, though replicas are wanted. "
    "Its status says EngineCrashed.",
)
STALLED: Final = Firing(
    "warning",
    MODEL,
    "team/mistral will not become what its spec asks.",
    "For 5 minutes the model has been Stalled: somebody must change something. "
    "Its status says SecretMissing.",
)
CRASH_LOOP: Final = Firing(
    "critical",
    MODEL,
    "Pods of team/mistral crash again and again.",
    "The model's containers were restarted 3 times within 30 minutes.",
)
WAITING: Final = Firing(
    "warning",
    MODEL,
    "team/mistral waits for GPUs.",
    "For 15 minutes a pod of the model has found no node with enough free GPUs. "
    "Its status says WaitingForGPU.",
)
NOT_RECONCILED: Final = Firing(
    "warning",
    MODEL,
    "team/mistral does not follow its resource.",
    "For 5 minutes the operator has not got to the end of its work on the model: changes of the resource, "
    "and of what belongs to it, are not put right. Its status says why.",
)
KV_CACHE: Final = Firing(
    "warning",
    MODEL,
    "The KV cache of team/mistral is full.",
    "On average over the pods 96% of the KV cache is in use: requests wait for room, or are preempted and "
    "computed anew.",
)
AT_MAXIMUM: Final = Firing(
    "warning",
    MODEL,
    "team/mistral cannot scale further.",
    "For 30 minutes the model has had autoscaling.maxReplicas replicas, and would need more or just as many.",
)
BLIND: Final = Firing(
    "warning",
    MODEL,
    "team/mistral does not scale: its figures are missing.",
    "For 15 minutes the autoscaler has had no figures of the model. "
    "The condition ScalingActive says NoMetrics.",
)
NO_LEADER: Final = "No operator leads."
NO_LEADER_SAYS: Final = (
    "For 3 minutes no operator process has held the Lease, or Prometheus has not reached any. Models go on "
    "serving; changes, scaling by the built-in metrics and the status stand still."
)
STUCK: Final = Firing(
    "critical",
    {**OPERATOR, "instance": "a:8080"},
    "The operator does not get on with its work.",
    "7 models have waited for 10 minutes and longer, and no pass over a model was finished.",
)
FAILING: Final = Firing(
    "warning",
    OPERATOR,
    "The operator fails at some models.",
    "15 passes over models failed within 15 minutes, for a cause that is a fault of the operator.",
)
UNSERVED: Final = Firing(
    "warning",
    {"namespace": "team", "why": "unreadable"},
    "An operator does not serve namespace team.",
    "For 5 minutes an operator that should serve the namespace has not done so (unreadable): its models are "
    "left as they are, unless another release serves them.",
)
EXPIRING: Final = Firing(
    "warning",
    OPERATOR,
    "The certificate of the metrics API was not renewed.",
    "It ends in 5d 22h 0m 0s; from then on nothing that autoscaling asks for is answered.",
)


def waits(queue: str, engine: str) -> dict[str, str]:
    """A hundred waits a minute; so many of them a minute at most 1 s, the others up to 5 s."""
    return {
        f'sirocco_serving_queue_seconds_bucket{{{OF},le="1.0"}}': queue,
        f'sirocco_serving_queue_seconds_bucket{{{OF},le="5.0"}}': "0+100x40",
        f'sirocco_serving_queue_seconds_bucket{{{OF},le="+Inf"}}': "0+100x40",
        f'vllm:request_queue_time_seconds_bucket{{{OF},le="1.0"}}': engine,
        f'vllm:request_queue_time_seconds_bucket{{{OF},le="5.0"}}': "0+100x40",
        f'vllm:request_queue_time_seconds_bucket{{{OF},le="+Inf"}}': "0+100x40",
    }


def oldest_waits(seconds: float) -> dict[str, str]:
    """A queue that nobody leaves: no wait ends, so that the histograms tell nothing."""
    return {f"sirocco_serving_oldest_queued_seconds{{{OF}}}": f"{seconds}x40"}


def waiting(seconds: str) -> Firing:
    """What is said of waits as long as that."""
    return Firing(
        "warning",
        MODEL,
        "Requests to team/mistral wait before they are worked on.",
        f"Requests wait {seconds} before the engine begins with them, as 19 of 20 that ended "
        "their wait tell, or the oldest that still waits; 2 s are allowed.",
    )


def stalled(value: str) -> dict[str, str]:
    """A model as the leader tells it."""
    return {
        f"sirocco_operator_model_stalled{{{OF}}}": value,
        f'sirocco_operator_model_state{{{OF},state="SecretMissing"}}': "1x40",
    }


def scaling(state: str) -> dict[str, str]:
    """A model's ScalingActive."""
    return {f'sirocco_operator_model_scaling{{{OF},state="{state}"}}': "1x60"}


def queue(depth: str, done: str, follower: str = "9x40") -> dict[str, str]:
    """A leader's queue and finished passes, beside a process that does not lead and only collects keys."""
    return {
        f"sirocco_operator_leader{{{LEADER}}}": "1x40",
        f"sirocco_operator_leader{{{FOLLOWER}}}": "0x40",
        f"sirocco_operator_queue_depth{{{LEADER}}}": depth,
        f"sirocco_operator_queue_depth{{{FOLLOWER}}}": follower,
        f'sirocco_operator_reconciles_total{{{LEADER},result="done"}}': done,
    }


def failures(count: str) -> dict[str, str]:
    """Passes that ended in an error."""
    return {f'sirocco_operator_reconciles_total{{{LEADER},result="error"}}': count}


def unserved(value: str) -> dict[str, str]:
    """A namespace that both replicas cannot read."""
    return {
        f'sirocco_operator_namespace_unserved{{namespace="team",why="unreadable",{instance}}}': value
        for instance in ('instance="a:8080"', 'instance="b:8080"')
    }


def state(reason: str, value: str) -> dict[str, str]:
    """A model's state."""
    return {f'sirocco_operator_model_state{{{OF},state="{reason}"}}': value}


def expires(at: int) -> dict[str, str]:
    """The certificate's end; promtool's clock begins at 0."""
    labels = 'namespace="sirocco-system",job="sirocco-operator"'
    return {f"sirocco_operator_certificate_expiry_timestamp_seconds{{{labels}}}": f"{at}x200"}


CASES: Final = (
    Case("SiroccoModelUnavailable", "no pod answers", unavailable("0x40"), "17m", (UNAVAILABLE,)),
    Case("SiroccoModelUnavailable", "for a shorter time", unavailable("1 0x40"), "14m"),
    Case("SiroccoModelUnavailable", "one pod answers", unavailable("1x40"), "30m"),
    Case("SiroccoModelUnavailable", "stopped by its owner", unavailable("0x40", "0x40", "Stopped"), "30m"),
    Case(
        "SiroccoModelUnavailable",
        "another process leads meanwhile",
        {
            f'sirocco_operator_model_available{{{OF},instance="a"}}': "0x8 stale",
            f'sirocco_operator_model_available{{{OF},instance="b"}}': "_x9 0x20",
            f"sirocco_operator_model_replicas{{{OF}}}": "3x40",
            f'sirocco_operator_model_state{{{OF},state="EngineCrashed"}}': "1x40",
        },
        "17m",
        (UNAVAILABLE,),
    ),
    Case(
        "SiroccoModelCrashLoop",
        "three restarts",
        {f"sirocco_operator_model_container_restarts{{{OF}}}": "0x10 1x10 2x5 3x20"},
        "31m",
        (CRASH_LOOP,),
    ),
    Case(
        "SiroccoModelCrashLoop",
        "two restarts",
        {f"sirocco_operator_model_container_restarts{{{OF}}}": "0x10 1x10 2x40"},
        "31m",
    ),
    Case(
        "SiroccoModelCrashLoop",
        "a pod with many restarts goes",
        {f"sirocco_operator_model_container_restarts{{{OF}}}": "9x10 4x40"},
        "31m",
    ),
    Case("SiroccoModelNotReconciled", "fails", state("ReconcileFailed", "1x40"), "6m", (NOT_RECONCILED,)),
    Case("SiroccoModelNotReconciled", "for a shorter time", state("ReconcileFailed", "1x2 stale"), "7m"),
    Case("SiroccoModelNotReconciled", "another reason", state("ChildRejected", "1x40"), "30m"),
    Case(
        "SiroccoModelWaitingForGPU",
        "waits",
        {f'sirocco_operator_model_state{{{OF},state="WaitingForGPU"}}': "1x40"},
        "16m",
        (WAITING,),
    ),
    Case(
        "SiroccoModelWaitingForGPU",
        "for a shorter time",
        {f'sirocco_operator_model_state{{{OF},state="WaitingForGPU"}}': "1x40"},
        "14m",
    ),
    Case(
        "SiroccoModelWaitingForGPU",
        "waits for something else",
        {f'sirocco_operator_model_state{{{OF},state="Unschedulable"}}': "1x40"},
        "30m",
    ),
    Case("SiroccoQueueWaitHigh", "in our queue", waits("0+90x40", "0+100x40"), "20m", (waiting("3s"),)),
    Case("SiroccoQueueWaitHigh", "in the engine's", waits("0+100x40", "0+90x40"), "20m", (waiting("3s"),)),
    Case("SiroccoQueueWaitHigh", "nobody gets on", oldest_waits(3), "20m", (waiting("3s"),)),
    Case("SiroccoQueueWaitHigh", "nobody waits long", oldest_waits(1), "20m"),
    Case("SiroccoQueueWaitHigh", "little above", oldest_waits(2.5), "20m", (waiting("2.5s"),)),
    Case("SiroccoQueueWaitHigh", "little below", oldest_waits(1.7), "20m"),
    Case("SiroccoQueueWaitHigh", "fewer wait", waits("0+94x40", "0+94x40"), "20m"),
    Case("SiroccoQueueWaitHigh", "for a shorter time", waits("0+90x40", "0+100x40"), "9m"),
    Case(
        "SiroccoKVCacheFull",
        "full on average",
        {
            f'vllm:kv_cache_usage_perc{{{OF},pod="a"}}': "1x40",
            f'vllm:kv_cache_usage_perc{{{OF},pod="b"}}': "0.92x40",
        },
        "11m",
        (KV_CACHE,),
    ),
    Case("SiroccoKVCacheFull", "for a shorter time", {f"vllm:kv_cache_usage_perc{{{OF}}}": "1x40"}, "9m"),
    Case(
        "SiroccoKVCacheFull",
        "one pod alone is full",
        {
            f'vllm:kv_cache_usage_perc{{{OF},pod="a"}}': "1x40",
            f'vllm:kv_cache_usage_perc{{{OF},pod="b"}}': "0.9x40",
        },
        "30m",
    ),
    Case("SiroccoModelStalled", "needs a change", stalled("1x40"), "6m", (STALLED,)),
    Case("SiroccoModelStalled", "for a shorter time", stalled("1x40"), "4m"),
    Case("SiroccoModelStalled", "gets there by itself", stalled("0x40"), "30m"),
    *OBJECTIVES,
    Case("SiroccoScaledToMaximum", "half an hour", scaling("ScaledToMaximum"), "31m", (AT_MAXIMUM,)),
    Case("SiroccoScaledToMaximum", "for a shorter time", scaling("ScaledToMaximum"), "29m"),
    Case("SiroccoScaledToMaximum", "below it", scaling("ScalingOnTarget"), "50m"),
    Case("SiroccoScalingBlind", "no figures", scaling("NoMetrics"), "16m", (BLIND,)),
    Case("SiroccoScalingBlind", "for a shorter time", scaling("NoMetrics"), "14m"),
    Case("SiroccoScalingBlind", "figures arrive", scaling("ScalingOnTarget"), "30m"),
    Case(
        "SiroccoOperatorNoLeader",
        "none leads",
        {f"sirocco_operator_leader{{{LEADER}}}": "0x40", f"sirocco_operator_leader{{{FOLLOWER}}}": "0x40"},
        "4m",
        (Firing("critical", OPERATOR, NO_LEADER, NO_LEADER_SAYS),),
    ),
    Case(
        "SiroccoOperatorNoLeader",
        "none is there",
        {"up": "1x40"},
        "4m",
        (Firing("critical", {}, NO_LEADER, NO_LEADER_SAYS),),
    ),
    Case("SiroccoOperatorNoLeader", "for a shorter time", {"up": "1x40"}, "2m"),
    Case(
        "SiroccoOperatorNoLeader",
        "one leads",
        {f"sirocco_operator_leader{{{LEADER}}}": "1x40", f"sirocco_operator_leader{{{FOLLOWER}}}": "0x40"},
        "30m",
    ),
    Case(
        "SiroccoOperatorNoLeader",
        "another takes over",
        {
            f"sirocco_operator_leader{{{LEADER}}}": "1x5 0x30",
            f"sirocco_operator_leader{{{FOLLOWER}}}": "0x7 1x30",
        },
        "9m",
    ),
    Case("SiroccoOperatorNotReconciling", "nothing gets done", queue("7x40", "5x40"), "20m", (STUCK,)),
    Case("SiroccoOperatorNotReconciling", "for a shorter time", queue("7x40", "5x40"), "4m"),
    Case("SiroccoOperatorNotReconciling", "slow, but at work", queue("7x40", "0+1x40"), "20m"),
    Case("SiroccoOperatorNotReconciling", "idle", queue("0x40", "5x40"), "30m"),
    Case("SiroccoOperatorErrors", "fails again and again", failures("0+1x60"), "35m", (FAILING,)),
    Case("SiroccoOperatorErrors", "for a shorter time", failures("0+1x60"), "14m"),
    Case("SiroccoOperatorErrors", "failed some time", failures("0x5 1 2 3x60"), "25m"),
    Case("SiroccoNamespaceNotServed", "is gone", unserved("1x40"), "6m", (UNSERVED,)),
    Case("SiroccoNamespaceNotServed", "came back", unserved("1x2 stale"), "7m"),
    Case("SiroccoCertificateExpiresSoon", "in six days", expires(6 * 86400), "2h", (EXPIRING,)),
    Case("SiroccoCertificateExpiresSoon", "for a shorter time", expires(6 * 86400), "30m"),
    Case("SiroccoCertificateExpiresSoon", "in eight days", expires(8 * 86400), "2h"),
)
