"""Run in a pod: constant load on a model until the standard input ends; every request is counted.

Writes a JSON line once each client has been answered, and one at the end.
"""

import argparse
import asyncio
import json
import ssl
import sys
import time
from collections import Counter
from typing import Any

import httpx

# Whether a client keeps its connections, whether its answers stream.
KINDS = [(True, True), (True, False), (False, True), (False, False)]


class Load:
    """Clients that ask one after another, and what became of each request."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.answered: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.failures: list[str] = []
        self.slowest = 0.0
        self.under_way = asyncio.Event()
        self.stopping = asyncio.Event()
        self.started = time.monotonic()
        # Made once: a context for each new connection would cost more than the request.
        self.tls = ssl.create_default_context()

    def client(self) -> httpx.AsyncClient:
        """A client that lets go of an idle connection before vLLM does (after 5 s)."""
        limits = httpx.Limits(keepalive_expiry=2)
        return httpx.AsyncClient(
            base_url=self.options.url, timeout=self.options.timeout, limits=limits, verify=self.tls
        )

    def body(self, stream: bool) -> dict[str, Any]:
        """A chat request: a long one that streams, or a short one."""
        tokens = self.options.tokens if stream else 2
        messages = [{"role": "user", "content": "Count."}]
        return {"model": self.options.model, "messages": messages, "max_tokens": tokens, "stream": stream}

    async def stream(self, client: httpx.AsyncClient) -> str:
        """Ask for a stream; returns what is wrong with it, empty when it is whole."""
        async with client.stream("POST", "/v1/chat/completions", json=self.body(True)) as answer:
            if answer.status_code != httpx.codes.OK:
                return f"status {answer.status_code}: {(await answer.aread())[:200]!r}"
            events = [line async for line in answer.aiter_lines() if line.startswith("data: ")]
        if not events or events[-1] != "data: [DONE]":
            return f"the stream ended after {len(events)} events without [DONE]: {events[-1:]}"
        return "" if any('"finish_reason":"' in event.replace(": ", ":") for event in events) else "no finish"

    async def short(self, client: httpx.AsyncClient) -> str:
        """Ask for a short answer; returns what is wrong with it."""
        answer = await client.post("/v1/chat/completions", json=self.body(False))
        if answer.status_code != httpx.codes.OK:
            return f"status {answer.status_code}: {answer.text[:200]!r}"
        return "" if answer.json()["choices"] else "no choices"

    async def request(self, client: httpx.AsyncClient, kind: str, stream: bool) -> None:
        """Ask once and count the outcome."""
        began = time.monotonic()
        try:
            wrong = await (self.stream(client) if stream else self.short(client))
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        now = time.monotonic()
        self.slowest = max(self.slowest, now - began)
        if wrong:
            self.failed[kind] += 1
            self.failures.append(
                f"{kind}, asked at {began - self.started:.2f} s, ended at {now - self.started:.2f} s: {wrong}"
            )
        else:
            self.answered[kind] += 1
        if wrong or len(self.answered) == len(KINDS):
            self.under_way.set()

    async def ask(self, pooled: bool, stream: bool) -> None:
        """One client: asks, pauses, asks again, on one pool or on a new connection each time."""
        kind = f"{'pooled' if pooled else 'fresh'} {'stream' if stream else 'short'}"
        pool = self.client() if pooled else None
        while not self.stopping.is_set():
            if pool:
                await self.request(pool, kind, stream)
            else:
                async with self.client() as client:
                    await self.request(client, kind, stream)
            await asyncio.sleep(self.options.pause)
        if pool:
            await pool.aclose()

    async def run(self) -> None:
        """Ask until the standard input ends, then finish what was asked and report."""
        async with asyncio.TaskGroup() as clients:
            for pooled, stream in KINDS * (self.options.clients // len(KINDS)):
                clients.create_task(self.ask(pooled, stream))
            reading = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
            started = asyncio.ensure_future(self.under_way.wait())
            await asyncio.wait([started, reading], return_when=asyncio.FIRST_COMPLETED)
            started.cancel()
            self.report("started")
            await asyncio.wait([reading], timeout=self.options.limit)
            self.stopping.set()
        self.report("ended")
        # What a process writes right before its end can be lost on its way through the container runtime.
        await asyncio.sleep(1)

    def report(self, event: str) -> None:
        """Write one line."""
        line = {
            "event": event,
            "seconds": time.monotonic() - self.started,
            "answered": dict(self.answered),
            "failed": sum(self.failed.values()),
            "failures": self.failures[: self.options.shown],
            "slowest": self.slowest,
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    option = parser.add_argument
    option("--url", required=True)
    option("--model", required=True)
    option("--clients", type=int, default=16, help="a multiple of 4: pooled or fresh, stream or short")
    option("--pause", type=float, default=0.1, help="seconds between a client's requests")
    option("--tokens", type=int, default=32, help="length of a streamed answer")
    option("--timeout", type=float, default=60, help="seconds without a byte that fail a request")
    option("--shown", type=int, default=20, help="failed requests that are reported one by one")
    option("--limit", type=float, default=900, help="seconds after which the load ends by itself")
    asyncio.run(Load(parser.parse_args()).run())


main()
