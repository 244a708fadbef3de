"""What pods may do to whoever asks them."""

import asyncio
import contextlib
import socket
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sirocco_operator.controller.store import Key
from sirocco_operator.reconcile.pod_client import Bounds, PodClient, Unanswered
from tests.api.raw_pod import (
    OK,
    Answer,
    RawPod,
    body,
    gzip_bomb,
    redirect,
    sends,
    silence,
    slowly,
    without_close,
    without_end,
)

ADDRESS = "127.77.0.1"
MODEL, OTHER = Key("tenant-a", "mistral"), Key("tenant-b", "llama")
BOUNDS = Bounds(answer_seconds=1.0, wait_seconds=5.0, body_bytes=4096, at_once=64, at_once_of_model=16)
# A connection has its answer so far, and what two reads of the socket bring, of 256 KiB each.
MOST_MEMORY = 16 * 2**20
ANYWHERE = 0


async def ask(client: PodClient, pod: RawPod, model: Key = MODEL) -> str:
    """What a pod answers, or the result of an ask without an answer."""
    try:
        return (await client.get(model, pod.address, pod.port, "/progress")).decode()
    except Unanswered as error:
        return error.result


def asked(pod: RawPod, times: int = 1) -> set[str]:
    """What a pod answers to so many asks at once."""

    async def run() -> set[str]:
        client = PodClient(BOUNDS)
        return set(await asyncio.gather(*(ask(client, pod) for _ in range(times))))

    return asyncio.run(run())


HOSTILE: dict[str, tuple[Answer, str]] = {
    "body without end": (without_end(OK + b"\r\n"), "unreadable"),
    "chunks without end": (
        without_end(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n%s\r\n" % (b"x" * 4096)),
        "unreadable",
    ),
    "a length that no computer has": (sends(OK + b"Content-Length: %s\r\n\r\nx" % (b"9" * 30)), "unreadable"),
    "chunk of no size": (sends(OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\n"), "unreadable"),
    "chunk extension without end": (
        without_end(OK + b"Transfer-Encoding: chunked\r\n\r\n1;"),
        "unreadable",
    ),
    "header without end": (without_end(OK + b"X-Large: "), "unreadable"),
    "headers without end": (without_end(OK, b"X-Header: value\r\n" * 1000), "unreadable"),
    "many headers": (sends(OK + b"X: y\r\n" * 500 + b"\r\n"), "unreadable"),
    "status line without end": (without_end(b"HTTP/1.1 200 "), "unreadable"),
    "interim answers without end": (without_end(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), "unreadable"),
    "gzip bomb": (gzip_bomb(2**20), "unreadable"),
    "a byte at a time": (slowly(OK + b"Content-Length: 100\r\n\r\n" + b"x" * 100, 0.1), "late"),
    "silence": (silence, "late"),
    "a connection that stays open": (without_close(OK + b"Content-Length: 1\r\n\r\nx"), "late"),
    "no HTTP": (sends(b"\x16\x03\x01\xff\x00"), "unreadable"),
    "closed at once": (sends(b""), "unreachable"),
    "body cut short": (sends(OK + b"Content-Length: 100\r\n\r\nx"), "unreadable"),
    "another protocol": (sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), "unreadable"),
    "error": (sends(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), "unreadable"),
    "refusal": (sends(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"), "unauthorized"),
}


@pytest.mark.parametrize(("answer", "result"), HOSTILE.values(), ids=HOSTILE)
def test_no_answer_takes_long_or_much_memory(answer: Answer, result: str) -> None:
    with RawPod(ADDRESS, ANYWHERE, answer) as pod:
        tracemalloc.start()
        began = time.monotonic()
        try:
            assert asked(pod, times=16) == {result}
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert time.monotonic() - began < BOUNDS.answer_seconds + 10
        assert peak < MOST_MEMORY


def test_an_answer_in_chunks_is_read() -> None:
    chunks = OK + b"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nfigur\r\n2\r\nes\r\n0\r\n\r\n"
    with RawPod(ADDRESS, ANYWHERE, sends(chunks)) as pod:
        assert asked(pod) == {"figures"}


def test_an_answer_of_the_most_bytes_is_read() -> None:
    with RawPod(ADDRESS, ANYWHERE, body(b"x" * BOUNDS.body_bytes)) as pod:
        assert asked(pod) == {"x" * BOUNDS.body_bytes}


def test_a_redirect_is_not_followed() -> None:
    with RawPod("127.77.0.2", ANYWHERE, body(b"secret")) as other:
        with RawPod(ADDRESS, ANYWHERE, redirect(f"http://{other.address}:{other.port}/")) as pod:
            assert asked(pod) == {"unreadable"}
        assert other.asked == 0


def test_the_environments_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        RawPod("127.77.0.2", ANYWHERE, body(b"by the proxy")) as proxy,
        RawPod(ADDRESS, ANYWHERE, body(b"by the pod")) as pod,
    ):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy.address}:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert asked(pod) == {"by the pod"}


def test_a_pod_that_does_not_listen_is_unreachable() -> None:
    with RawPod(ADDRESS, ANYWHERE, body(b"")) as pod:
        pass
    assert asked(pod) == {"unreachable"}


@pytest.fixture
def ipv6() -> Iterator[str]:
    """A loopback address of IPv6."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        yield "::1"
        return
    pytest.skip("this machine has no IPv6")


def test_a_pod_with_an_ipv6_address_is_asked(ipv6: str) -> None:
    with RawPod(ipv6, ANYWHERE, body(b"six")) as pod:
        assert asked(pod) == {"six"}


def test_many_slow_pods_of_a_model_do_not_keep_others_from_being_asked() -> None:
    async def run(slow: RawPod, other: RawPod) -> None:
        client = PodClient(replace(BOUNDS, answer_seconds=60.0))
        many = [asyncio.create_task(ask(client, slow)) for _ in range(1000)]
        await asyncio.sleep(0)
        answers = await asyncio.gather(*(ask(client, other, OTHER) for _ in range(100)))
        assert set(answers) == {"figures"}
        assert not any(task.done() for task in many)
        for task in many:
            task.cancel()
        await asyncio.gather(*many, return_exceptions=True)

    with (
        RawPod(ADDRESS, ANYWHERE, silence) as slow,
        RawPod("127.77.0.2", ANYWHERE, body(b"figures")) as other,
    ):
        asyncio.run(run(slow, other))
        assert slow.asked <= BOUNDS.at_once_of_model
