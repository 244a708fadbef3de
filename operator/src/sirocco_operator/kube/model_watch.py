"""The watch of the models, by kopf: each event goes to a sink.

kopf runs in a thread and an event loop of its own: it takes over the loop's tasks and the process's signals,
and ends when the API that it watches goes away. It writes nothing.
"""

import asyncio
import itertools
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import kopf
from kopf._cogs.structs.references import Insights

from sirocco_operator.kube.connection import Credentials
from sirocco_operator.kube.kinds import MODEL

log = logging.getLogger(__name__)

# Type of the event as the API names it, None for an object of the first list; and the object.
Sink = Callable[[str | None, dict[str, Any]], None]


class _Forever:
    """Delays in seconds without an end; each new iteration starts from the first."""

    def __iter__(self) -> Iterator[float]:
        return itertools.chain((0.5, 1.0, 2.0), itertools.repeat(5.0))


class _NoDifferences(kopf.DiffBaseStorage):
    """Keeps kopf from copying each object to find what changed in it: no handler asks."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


class ModelWatch:
    """One run of kopf; it ends when stopped, or when the API goes away."""

    def __init__(
        self, namespaces: Sequence[str], credentials: Callable[[], Awaitable[Credentials]], sink: Sink
    ) -> None:
        """Watch the models in `namespaces` (empty for all).

        `credentials` is called in the caller's event loop, and so is `sink`.
        """
        self._loop = asyncio.get_running_loop()
        self._namespaces = namespaces
        self._credentials = credentials
        self._sink = sink
        self.ended = asyncio.Event()
        # kopf finds for itself what the cluster serves, and watches nothing where it does not find the API.
        self.incomplete = False
        # Set once it has looked.
        self.looked = threading.Event()
        self._own_loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="model watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    async def stop(self) -> None:
        """End the watches: no news come after that."""
        self._stopped = True
        if self._own_loop is not None and self._stop is not None and not self._own_loop.is_closed():
            self._own_loop.call_soon_threadsafe(self._stop.set)
        await self.ended.wait()

    def _tell(self, event: str | None, manifest: dict[str, Any]) -> None:
        if not self.ended.is_set():
            self._sink(event, manifest)

    def _tell_end(self) -> None:
        # The caller's loop may be closed by now when the process ends.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.ended.set)

    def _run(self) -> None:
        try:
            asyncio.run(self._watch())
        except Exception as error:
            # The API went away, or kopf failed: the caller starts a new run once it may.
            log.warning("the watch of models ended: %s", error)
        finally:
            self._tell_end()

    async def _watch(self) -> None:
        self._stop = asyncio.Event()
        self._own_loop = asyncio.get_running_loop()
        # When watches are cut off kopf leaves callbacks without a task: nothing that a person could mend.
        self._own_loop.set_exception_handler(lambda _, told: log.debug("kopf: %s", told.get("message")))
        if self._stopped:
            return
        before = asyncio.all_tasks()
        insights = Insights()
        tasks = await kopf.spawn_tasks(
            registry=self._registry(),
            settings=self._settings(),
            clusterwide=not self._namespaces,
            namespaces=list(self._namespaces),
            standalone=True,
            stop_flag=self._stop,
            insights=insights,
        )
        found = asyncio.create_task(insights.ready_resources.wait())
        await asyncio.wait([*tasks, found], return_when=asyncio.FIRST_COMPLETED)
        self.incomplete = not insights.watched_resources
        self.looked.set()
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        self._tell_end()
        # kopf closes its connections first, and a watch that begins just then never ends: so end them before.
        watches = [task for task in asyncio.all_tasks() if task.get_name().startswith("watcher for ")]
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        await kopf.run_tasks(tasks, ignored=before)

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        async def login(**_: Any) -> kopf.ConnectionInfo:
            future = asyncio.run_coroutine_threadsafe(_awaited(self._credentials), self._loop)
            credentials = await asyncio.wrap_future(future)
            return kopf.ConnectionInfo(
                server=credentials.server,
                ca_path=credentials.ca_path,
                insecure=credentials.insecure,
                token=credentials.token,
                certificate_path=credentials.certificate_path,
                private_key_path=credentials.key_path,
                trust_env=True,
            )

        async def event(event: kopf.RawEvent, **_: Any) -> None:
            self._loop.call_soon_threadsafe(self._tell, event["type"], dict(event["object"]))

        kopf.on.login(registry=registry)(login)
        kopf.on.event(MODEL.group, MODEL.version, MODEL.plural, registry=registry)(event)
        return registry

    def _settings(self) -> kopf.OperatorSettings:
        settings = kopf.OperatorSettings()
        settings.persistence.diffbase_storage = _NoDifferences()
        settings.posting.enabled = False
        # Which APIs exist is found by our own polling, which needs no right to list CRDs or namespaces.
        settings.scanning.disabled = True
        settings.networking.error_backoffs = _Forever()
        settings.watching.chunk_size = 500
        settings.process.ultimate_exiting_timeout = None
        return settings


async def _awaited(call: Callable[[], Awaitable[Credentials]]) -> Credentials:
    return await call()
