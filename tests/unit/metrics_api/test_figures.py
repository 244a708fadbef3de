"""The figures computed from a pod's metrics."""

import pytest

from sirocco_operator.children.metrics import Metric
from sirocco_operator.metrics_api.figures import SERIES, History, Sample, figures, parse_exposition

EXPOSITION = b"""\
# HELP sirocco_serving_requests_in_flight Requests whose answer has not been sent whole.
# TYPE sirocco_serving_requests_in_flight gauge
sirocco_serving_requests_in_flight 12.0
# TYPE sirocco_serving_queue_seconds histogram
sirocco_serving_queue_seconds_bucket{le="0.005"} 3.0
sirocco_serving_queue_seconds_count 4.0
sirocco_serving_queue_seconds_sum 6.0
sirocco_serving_oldest_queued_seconds 1.5
vllm:kv_cache_usage_perc{engine="0",model_name="a } b"} 0.25
vllm:num_requests_waiting{engine="0",model_name="a"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="a",reason="capacity"} 40.0
vllm:request_queue_time_seconds_count{engine="0",model_name="a"} 10.0
vllm:request_queue_time_seconds_sum{engine="0",model_name="a"} 5.0
"""


def sample(
    at: float,
    queue: tuple[float, int] = (0, 0),
    engine: tuple[float, int] = (0, 0),
    oldest: float = 0,
    engine_waiting: int = 0,
) -> Sample:
    """A scrape at a time: sum and number of the waits in both queues, and who waits now."""
    text = f"""\
sirocco_serving_requests_in_flight 1.0
sirocco_serving_oldest_queued_seconds {oldest}
sirocco_serving_queue_seconds_sum {queue[0]}
sirocco_serving_queue_seconds_count {queue[1]}
vllm:num_requests_waiting{{engine="0"}} {engine_waiting}
vllm:request_queue_time_seconds_sum{{engine="0"}} {engine[0]}
vllm:request_queue_time_seconds_count{{engine="0"}} {engine[1]}
"""
    return parse_exposition(text.encode(), at)


def wait(*samples: Sample) -> float | None:
    history = History(samples[0])
    for each in samples[1:]:
        history = history.with_sample(each)
    return figures(history).get(Metric.QUEUE_WAIT)


def test_all_series_are_read_and_no_others() -> None:
    found = parse_exposition(EXPOSITION, 3.0)
    assert (found.in_flight, found.kv_cache, found.oldest, found.engine_waiting) == (12, 0.25, 1.5, 2)
    assert found.queue is not None
    assert found.engine_queue is not None
    assert (found.queue.seconds, found.queue.number) == (6, 4)
    assert (found.engine_queue.seconds, found.engine_queue.number) == (5, 10)


def test_the_scraped_series_are_those_that_are_needed() -> None:
    found = parse_exposition(b"".join(b"%s 1.0\n" % name.encode() for name in SERIES), 0)
    assert None not in (found.in_flight, found.kv_cache, found.oldest, found.engine_waiting)
    assert None not in (found.queue, found.engine_queue)


def test_several_engines_count_together() -> None:
    found = parse_exposition(
        b'vllm:kv_cache_usage_perc{engine="0"} 0.2\nvllm:kv_cache_usage_perc{engine="1"} 0.6\n'
        b'vllm:num_requests_waiting{engine="0"} 1\nvllm:num_requests_waiting{engine="1"} 3\n',
        0,
    )
    assert found.kv_cache is not None
    assert abs(found.kv_cache - 0.4) < 1e-9
    assert found.engine_waiting == 4


def test_what_a_pod_does_not_tell_is_missing_not_zero() -> None:
    assert figures(History(parse_exposition(b"sirocco_serving_requests_in_flight 0.0\n", 0))) == {
        Metric.IN_FLIGHT: 0
    }


@pytest.mark.parametrize("text", [b"NaN", b"+Inf", b"-1", b"1e300", b"x"])
def test_a_value_that_cannot_be_is_missing(text: bytes) -> None:
    exposition = b"sirocco_serving_requests_in_flight %s\nvllm:kv_cache_usage_perc 0.5\n" % text
    found = parse_exposition(exposition, 0)
    assert figures(History(found)) == {Metric.KV_CACHE: 0.5}


def test_an_answer_without_any_of_the_series_is_unreadable() -> None:
    with pytest.raises(ValueError, match="series"):
        parse_exposition(b"<html><body>Welcome</body></html>\n", 0)


def test_the_wait_is_the_mean_of_those_that_left_the_queue_meanwhile() -> None:
    assert wait(sample(0, queue=(100, 10)), sample(15, queue=(106, 13))) == 2


def test_the_waits_in_both_queues_add_up() -> None:
    before = sample(0, queue=(10, 10), engine=(5, 5))
    assert wait(before, sample(15, queue=(12, 12), engine=(8, 11))) == 1.5


def test_a_queue_that_stands_still_waits_as_long_as_its_oldest() -> None:
    before = sample(0, queue=(1, 10), oldest=5)
    assert wait(before, sample(15, queue=(1, 10), oldest=20)) == 20


def test_the_oldest_wait_counts_though_others_left_at_once() -> None:
    before = sample(0, queue=(0, 10))
    assert wait(before, sample(15, queue=(0, 100), oldest=9)) == 9


def test_an_engine_that_ends_nothing_while_requests_wait_there_keeps_them_waiting() -> None:
    stalled = [sample(at, engine=(5, 5), engine_waiting=3) for at in (0, 15, 30)]
    assert wait(*stalled) == 30


def test_an_engine_that_goes_on_no_longer_stalls() -> None:
    stalled = [sample(at, engine=(5, 5), engine_waiting=3) for at in (0, 15)]
    assert wait(*stalled, sample(30, engine=(9, 6), engine_waiting=3)) == 4


def test_an_idle_engine_does_not_stall() -> None:
    assert wait(sample(0, engine=(5, 5)), sample(15, engine=(5, 5))) == 0


def test_the_first_scrape_knows_a_wait_only_from_who_waits_in_the_pods_own_queue() -> None:
    assert wait(sample(0, queue=(100, 10))) == 0
    assert wait(sample(0, queue=(100, 10), oldest=3)) == 3
    assert wait(sample(0, engine_waiting=2)) is None


def test_two_scrapes_far_apart_make_no_mean() -> None:
    assert wait(sample(0), sample(600, queue=(1000, 10))) == 0


def test_a_process_that_began_anew_counts_from_zero() -> None:
    assert wait(sample(0, queue=(100, 10)), sample(15, queue=(6, 3))) == 2


def test_the_window_is_reported() -> None:
    first = History(sample(0))
    assert first.window_seconds is None
    assert first.with_sample(sample(15)).window_seconds == 15
