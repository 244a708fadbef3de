"""The metrics API of one operator process: keeps its port served, and answers."""

import asyncio
import json
import logging
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web

from sirocco_operator.kube.client import Kube
from sirocco_operator.kube.errors import ApiError
from sirocco_operator.kube.kinds import CONFIG_MAP, SUBJECT_ACCESS_REVIEW, path_of
from sirocco_operator.metrics_api import documents, selectors
from sirocco_operator.metrics_api.authorization import Authorizer
from sirocco_operator.metrics_api.certificates import CertificateSource
from sirocco_operator.metrics_api.documents import PodFigure, Problem
from sirocco_operator.metrics_api.identity import CONFIG_NAME, CONFIG_NAMESPACE, FrontProxy, authenticate
from sirocco_operator.metrics_api.listener import Listener
from sirocco_operator.metrics_api.pki import Leaf
from sirocco_operator.metrics_api.pods import Pods
from sirocco_operator.metrics_api.routes import ALL, Document, Question, is_health, route
from sirocco_operator.metrics_api.scraper import Scraper

log = logging.getLogger(__name__)

_CALL_SECONDS: Final = 5.0
# Until the port is served for the first time it is tried in shorter steps.
_FIRST_SECONDS: Final = 1.0

# Told of each request: what was asked for and the answer's status.
RequestReport = Callable[[str, int], None]


class MetricsApi:
    """Serves custom.metrics.k8s.io as an aggregated API, in every replica of the operator."""

    def __init__(
        self,
        kube: Kube,
        certificates: CertificateSource,
        pods: Pods,
        scraper: Scraper,
        report: RequestReport,
        port: int,
        refresh_seconds: float,
    ) -> None:
        self._kube = kube
        self._certificates = certificates
        self._pods = pods
        self._scraper = scraper
        self._report = report
        self._refresh_seconds = refresh_seconds
        self._authorizer = Authorizer(self._review)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._listener = Listener(application, port)
        self._used: tuple[Leaf, FrontProxy] | None = None
        # Set before the port is open.
        self._front_proxy: FrontProxy
        # Why the port is not served, empty once it is.
        self.problem = "the certificate of the metrics API is not read yet"

    def certificate_expiry(self) -> float | None:
        """When the served certificate ends, as Unix time."""
        return None if self._used is None else self._used[0].expiry.timestamp()

    async def run(self) -> None:
        """Serve until cancelled."""
        log.info("the metrics API listens on port %d once it has a certificate", self._listener.port)
        try:
            while True:
                await self._refresh()
                await asyncio.sleep(_FIRST_SECONDS if self.problem else self._refresh_seconds)
        finally:
            await self._listener.close()
            await self._scraper.close()

    async def _refresh(self) -> None:
        """Read certificate and front proxy again; what cannot be read stays as it was."""
        try:
            leaf = await self._certificates.look()
            front_proxy = await self._read_front_proxy()
            if self._used != (leaf, front_proxy):
                # Before the port is open: the first request may come at once.
                self._front_proxy = front_proxy
                await self._listener.use(leaf, front_proxy.ca)
                self._used = (leaf, front_proxy)
                log.info("the metrics API is served with a certificate that ends %s", leaf.expiry.isoformat())
            self.problem = ""
        except (ApiError, OSError, ValueError, ssl.SSLError) as error:
            if self._used is None:
                self.problem = f"the metrics API is not served: {error}"
            log.warning("the metrics API's certificates cannot be read, will be tried again: %s", error)

    async def _read_front_proxy(self) -> FrontProxy:
        path = path_of(CONFIG_MAP, CONFIG_NAMESPACE, CONFIG_NAME)
        found = await self._kube.unguarded("GET", path, CONFIG_MAP, "get", _CALL_SECONDS)
        return FrontProxy.parse(found.get("data") or {})

    async def _review(self, review: Mapping[str, Any]) -> Mapping[str, Any]:
        path = path_of(SUBJECT_ACCESS_REVIEW, None)
        try:
            return await self._kube.unguarded(
                "POST", path, SUBJECT_ACCESS_REVIEW, "create", _CALL_SECONDS, review
            )
        except ApiError as error:
            log.warning("a SubjectAccessReview failed: %s", error)
            raise Problem(503, "whether this is allowed cannot be found out now: ask again") from error

    async def _handle(self, request: web.Request) -> web.Response:
        if is_health(request.method, request.path):
            self._report("health", 200)
            return web.Response(text="ok")
        what, content_type = "other", documents.JSON
        body: dict[str, Any] = {}
        problem: Problem | None = None
        try:
            user = authenticate(
                self._front_proxy, request.get_extra_info("peercert"), request.headers.items()
            )
            asked = route(request.method, request.path)
            what = _name(asked)
            await self._authorizer.check(user, request.path, asked)
            if isinstance(asked, Document):
                body, content_type = _document(asked, request.headers.get("Accept", ""))
            else:
                body = await self._figures(asked, request.query)
        except Problem as found:
            problem = found
        except selectors.SelectorError as error:
            problem = Problem(400, str(error))
        except Exception:
            log.exception("a request failed")
            problem = Problem(500, "the request failed, the operator's log says why")
        status = 200
        if problem is not None:
            status, body = problem.status, documents.status(problem)
        self._report(what, status)
        return web.Response(
            body=json.dumps(body).encode(), status=status, headers={"Content-Type": content_type}
        )

    async def _figures(self, asked: Question, query: Mapping[str, str]) -> dict[str, Any]:
        selector = selectors.parse(query.get("labelSelector", ""))
        # Our metrics have no labels: one that asks for some finds none.
        nothing = not selectors.matches(selectors.parse(query.get("metricLabelSelector", "")), {})
        models = () if nothing else self._pods.models(asked.namespace, selector)
        try:
            readings = await asyncio.gather(*(self._scraper.read(model) for model in models))
        except ApiError as error:
            log.warning("the models' internal keys cannot be derived: %s", error)
            raise Problem(503, "the keys for the pods' metrics cannot be read now: ask again") from error
        found = [
            PodFigure(each.pod, each.figures[asked.metric], reading.read_at, each.window_seconds)
            for reading in readings
            for each in reading.pods
            if asked.pod in (ALL, each.pod)
            and asked.metric in each.figures
            and selectors.matches(selector, each.labels)
        ]
        if asked.pod != ALL and not found:
            raise Problem(
                404,
                f"there is no {asked.metric} of pod {asked.namespace}/{asked.pod}: it is not a model's, "
                "not Ready, or does not answer",
            )
        return documents.metric_value_list(asked.metric, asked.namespace, found)


def _document(asked: Document, accept: str) -> tuple[dict[str, Any], str]:
    if asked is Document.RESOURCES:
        return documents.resource_list(), documents.JSON
    if asked is Document.GROUP:
        return documents.group(), documents.JSON
    if documents.wants_aggregated(accept):
        return documents.aggregated_discovery(), documents.AGGREGATED
    return documents.group_list(), documents.JSON


def _name(asked: Document | Question) -> str:
    return "discovery" if isinstance(asked, Document) else str(asked.metric)
