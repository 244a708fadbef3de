"""The operator's process: its parts, put together, started and ended."""

import asyncio
import gc
import logging
import os
import signal
import sys
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from pydantic import ValidationError

from sirocco_operator.controller.leader import Leadership
from sirocco_operator.controller.queue import WorkQueue
from sirocco_operator.controller.store import Key, Store
from sirocco_operator.controller.worker import Workers
from sirocco_operator.intake import owner_of
from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.kinds import DEPLOYMENT, HORIZONTAL_POD_AUTOSCALER, MODEL, POD, REPLICA_SET
from sirocco_operator.kube.lease import LeaseLock
from sirocco_operator.metrics_api.certificates import CertificateSource, MountedCertificate, OwnCertificate
from sirocco_operator.metrics_api.pods import ReadyPods
from sirocco_operator.metrics_api.scraper import Scraper
from sirocco_operator.metrics_api.server import MetricsApi
from sirocco_operator.reconcile.claims import Claims, lease_annotations, left_to
from sirocco_operator.reconcile.events import EventRecorder
from sirocco_operator.reconcile.master_secret import MasterSecret
from sirocco_operator.reconcile.metrics_providers import MetricsProviders
from sirocco_operator.reconcile.pod_owners import PodOwners
from sirocco_operator.reconcile.reconciler import Reconciler
from sirocco_operator.reconcile.surroundings import SurroundingsReader
from sirocco_operator.settings import Settings
from sirocco_operator.telemetry import CONTENT_TYPE, Telemetry, log_to_stderr
from sirocco_operator.watches import Watches, not_served

log = logging.getLogger(__name__)

_EXIT_LOST_LEASE: Final = 1
# The kubelet reads 10 KiB of an answer.
_READY_LINES: Final = 20


class Operator:
    """All parts of one operator process."""

    def __init__(self, settings: Settings, kube: Kube, leadership: Leadership, telemetry: Telemetry) -> None:
        self._settings = settings
        self._kube = kube
        self._leadership = leadership
        self._telemetry = telemetry
        # No namespace takes more than half of the workers.
        self._queue: WorkQueue[Key] = WorkQueue(
            group=lambda key: key.namespace, most=max(1, settings.workers // 2)
        )
        self._store = Store(
            MODEL.full_name,
            POD.full_name,
            owner_of,
            observed=(DEPLOYMENT.full_name, HORIZONTAL_POD_AUTOSCALER.full_name),
        )
        identity = f"{settings.namespace}/{settings.lease_name}"
        self._claims = Claims(kube, identity, self._enqueue_namespace)
        self._watches = Watches(kube, self._store, self._claims, self._queue, settings)
        self._owners = PodOwners(self._store, partial(kube.get, REPLICA_SET))
        self._metrics_api = self._make_metrics_api() if settings.metrics_api_port else None
        telemetry.track_queue_depth(lambda: len(self._queue))
        telemetry.track_leadership(lambda: leadership.leads)
        telemetry.track_unserved(self._watches.unread, self._claims.left)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; then end the work, and give back the lease."""
        runner = await self._serve_http()
        watching = asyncio.create_task(self._watches.run(), name="watches")
        leading = asyncio.create_task(self._lead(), name="leader")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        parts = {watching, leading, stopping}
        if self._metrics_api is not None:
            parts.add(asyncio.create_task(self._metrics_api.run(), name="metrics API"))
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await _cancelled(leading)
            await self._leadership.release()
            for part in parts - {leading}:
                await _cancelled(part)
            await runner.cleanup()

    async def _lead(self) -> None:
        """Wait for the caches and the lease, then work; losing the lease ends the process."""
        await self._watches.synced.wait()
        await self._leadership.acquire()
        surroundings = SurroundingsReader(self._kube, self._owners)
        providers = MetricsProviders(self._kube, self._settings, self._enqueue_autoscaled)
        events = EventRecorder(self._kube, self._settings.pod_name)
        reconcile = Reconciler(
            self._kube,
            self._store,
            self._claims,
            self._settings,
            self._watches.served,
            surroundings,
            providers,
            self._telemetry.record_model,
            events.record,
            self._queue.add,
        )
        workers = Workers(self._queue, reconcile, self._telemetry.record_pass, self._settings.workers)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(workers.run(), name="workers")
                group.create_task(providers.run(), name="metrics providers")
                group.create_task(self._claims.run(), name="claims")
                group.create_task(events.run(), name="events")
                group.create_task(self._hold(), name="lease")
        finally:
            surroundings.close()

    def _make_metrics_api(self) -> MetricsApi:
        settings, telemetry, kube = self._settings, self._telemetry, self._kube
        certificates: CertificateSource
        if settings.metrics_api_certificate_folder:
            certificates = MountedCertificate(Path(settings.metrics_api_certificate_folder))
        else:
            certificates = OwnCertificate(
                kube,
                settings.namespace,
                settings.metrics_api_service,
                lambda: self._leadership.leads,
                timedelta(seconds=settings.metrics_api_overlap_seconds),
            )
        master = MasterSecret(kube, settings.namespace)
        pods = ReadyPods(self._store, self._owners, self._watches.synced.is_set, master.get)
        metrics_api = MetricsApi(
            kube,
            certificates,
            pods,
            Scraper(pods.targets, telemetry),
            telemetry.record_metrics_request,
            settings.metrics_api_port,
            settings.metrics_api_refresh_seconds,
        )
        telemetry.track_certificate_expiry(metrics_api.certificate_expiry)
        return metrics_api

    def _enqueue_namespace(self, namespace: str) -> None:
        for key in self._store.primary_keys():
            if key.namespace == namespace:
                self._queue.add(key)

    def _enqueue_autoscaled(self) -> None:
        for key in self._store.primary_keys():
            if "autoscaling" in ((self._store.primary(key) or {}).get("spec") or {}):
                self._queue.add(key)

    async def _hold(self) -> None:
        await self._leadership.hold()
        log.error("the lease is lost: this process ends")
        # At once, whatever is under way: another process may lead now.
        os._exit(_EXIT_LOST_LEASE)

    async def _serve_http(self) -> web.AppRunner:
        application = web.Application()
        application.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
            ]
        )
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        # All addresses: probes and Prometheus come from outside the pod.
        site = web.TCPSite(runner, None, self._settings.http_port)
        await site.start()
        log.info("listening on port %s", runner.addresses[0][1])
        return runner

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        problem = "" if self._watches.synced.is_set() else "the first list of all objects is not finished"
        if not problem and self._metrics_api is not None:
            problem = self._metrics_api.problem
        # What concerns some namespaces must not keep the others from being served.
        unread = [not_served(name, cause) for name, cause in self._watches.unread().items()]
        left = [left_to(name, holder) for name, holder in self._claims.left().items()]
        lines = [problem or "ready", *unread, *left][:_READY_LINES]
        return web.Response(status=503 if problem else 200, text="\n".join(lines) + "\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._telemetry.exposition(), headers={"Content-Type": CONTENT_TYPE})


async def serve(settings: Settings) -> None:
    """Run one operator until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    # What the imports made stays: a collection that walks it each time would take a fifth of the work.
    gc.freeze()
    telemetry = Telemetry()
    guard = _Guard()
    kube = await Kube.connect(telemetry.record_call, guard)
    try:
        annotations = lease_annotations(settings.namespaces)
        lock = LeaseLock(kube, settings.namespace, settings.lease_name, annotations)
        guard.leadership = Leadership(lock, settings.pod_name, settings.lease_seconds)
        await Operator(settings, kube, guard.leadership, telemetry).run(stop)
    finally:
        await kube.close()
    log.info("ended as asked")


class _Guard:
    """Lets the client ask the leadership, which needs the client to be made."""

    leadership: Leadership

    def __call__(self) -> float:
        return self.leadership.check()


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await task


def main() -> None:
    """Run the operator; settings come from the environment."""
    try:
        settings = Settings()
    except ValidationError as error:
        for detail in error.errors():
            name = "SIROCCO_" + "_".join(str(part) for part in detail["loc"]).upper()
            sys.stderr.write(f"{name}: {detail['msg']}\n")
        sys.exit(2)
    log_to_stderr(settings.log_level)
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
