"""The metrics API of one operator process: serves its port and answers requests."""

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
from sirocco_operator.metrics_api.documents import HttpError, PodFigure
from sirocco_operator.metrics_api.identity import CONFIG_NAME, CONFIG_NAMESPACE, FrontProxy, authenticate
from sirocco_operator.metrics_api.listener import Listener
from sirocco_operator.metrics_api.pki import Leaf
from sirocco_operator.metrics_api.pods import ReadyPods
from sirocco_operator.metrics_api.routes import (
    ALL,
    DiscoveryDocument,
    MetricRequest,
    Requested,
    is_health,
    route,
)
from sirocco_operator.metrics_api.scraper import Scraper

log = logging.getLogger(__name__)

_CALL_SECONDS: Final = 5.0
# Seconds between attempts until the port is served for the first time.
_FIRST_SECONDS: Final = 1.0

# Takes what a request asked for, and the status of the answer.
RecordRequest = Callable[[str, int], None]


class MetricsApi:
    """Serves custom.metrics.k8s.io as an aggregated API in every replica of the operator."""

    def __init__(
        self,
        kube: Kube,
        certificates: CertificateSource,
        pods: ReadyPods,
        scraper: Scraper,
        record_request: RecordRequest,
        port: int,
        refresh_seconds: float,
    ) -> None:
        self._kube = kube
        self._certificates = certificates
        self._pods = pods
        self._scraper = scraper
        self._record_request = record_request
        self._refresh_seconds = refresh_seconds
        self._authorizer = Authorizer(self._review)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._listener = Listener(application, port)
        self._serving_with: tuple[Leaf, FrontProxy] | None = None
        # Set before the port opens.
        self._front_proxy: FrontProxy
        # Why the port is not served; empty once it is.
        self.problem = "the certificate of the metrics API is not read yet"

    def certificate_expiry(self) -> float | None:
        """When the served certificate expires, as Unix time; None before one is served."""
        return None if self._serving_with is None else self._serving_with[0].expiry.timestamp()

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
        """Read the certificate and the front proxy again; on failure the previous ones stay."""
        try:
            leaf = await self._certificates.current()
            front_proxy = await self._read_front_proxy()
            if self._serving_with != (leaf, front_proxy):
                # Set before the port opens, because the first request may come at once.
                self._front_proxy = front_proxy
                await self._listener.use(leaf, front_proxy.ca)
                self._serving_with = (leaf, front_proxy)
                log.info("the metrics API is served with a certificate that ends %s", leaf.expiry.isoformat())
            self.problem = ""
        except (ApiError, OSError, ValueError, ssl.SSLError) as error:
            if self._serving_with is None:
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
            raise HttpError(503, "whether this is allowed cannot be found out now: ask again") from error

    async def _handle(self, request: web.Request) -> web.Response:
        if is_health(request.method, request.path):
            self._record_request("health", 200)
            return web.Response(text="ok")
        what, content_type = "other", documents.JSON
        body: dict[str, Any] = {}
        failure: HttpError | None = None
        try:
            user = authenticate(
                self._front_proxy, request.get_extra_info("peercert"), request.headers.items()
            )
            requested = route(request.method, request.path)
            what = _metric_label(requested)
            await self._authorizer.check(user, request.path, requested)
            if isinstance(requested, DiscoveryDocument):
                body, content_type = _discovery(requested, request.headers.get("Accept", ""))
            else:
                body = await self._metric_values(requested, request.query)
        except HttpError as error:
            failure = error
        except selectors.SelectorError as error:
            failure = HttpError(400, str(error))
        except Exception:
            log.exception("a request failed")
            failure = HttpError(500, "the request failed, the operator's log says why")
        status = 200
        if failure is not None:
            status, body = failure.status, documents.status(failure)
        self._record_request(what, status)
        return web.Response(
            body=json.dumps(body).encode(), status=status, headers={"Content-Type": content_type}
        )

    async def _metric_values(self, requested: MetricRequest, query: Mapping[str, str]) -> dict[str, Any]:
        selector = selectors.parse(query.get("labelSelector", ""))
        # Our metrics have no labels, so a selector that requires one matches nothing.
        no_match = not selectors.matches(selectors.parse(query.get("metricLabelSelector", "")), {})
        models = () if no_match else self._pods.models(requested.namespace, selector)
        try:
            readings = await asyncio.gather(*(self._scraper.read(model) for model in models))
        except ApiError as error:
            log.warning("the models' internal keys cannot be derived: %s", error)
            raise HttpError(503, "the keys for the pods' metrics cannot be read now: ask again") from error
        found = [
            PodFigure(each.pod, each.figures[requested.metric], reading.read_at, each.window_seconds)
            for reading in readings
            for each in reading.pods
            if requested.pod in (ALL, each.pod)
            and requested.metric in each.figures
            and selectors.matches(selector, each.labels)
        ]
        if requested.pod != ALL and not found:
            raise HttpError(
                404,
                f"there is no {requested.metric} of pod {requested.namespace}/{requested.pod}: "
                "it is not a model's, not Ready, or does not answer",
            )
        return documents.metric_value_list(requested.metric, requested.namespace, found)


def _discovery(requested: DiscoveryDocument, accept: str) -> tuple[dict[str, Any], str]:
    if requested is DiscoveryDocument.RESOURCES:
        return documents.resource_list(), documents.JSON
    if requested is DiscoveryDocument.GROUP:
        return documents.group(), documents.JSON
    if documents.wants_aggregated(accept):
        return documents.aggregated_discovery(), documents.AGGREGATED
    return documents.group_list(), documents.JSON


def _metric_label(requested: Requested) -> str:
    return "discovery" if isinstance(requested, DiscoveryDocument) else str(requested.metric)
