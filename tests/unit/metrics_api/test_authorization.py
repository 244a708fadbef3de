"""The API server decides, and its decisions are remembered for a while."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from sirocco_operator.children.metrics import Metric
from sirocco_operator.metrics_api.authorization import ALLOWED_SECONDS, DENIED_SECONDS, Authorizer, review
from sirocco_operator.metrics_api.documents import HttpError
from sirocco_operator.metrics_api.identity import User
from sirocco_operator.metrics_api.routes import DiscoveryDocument, MetricRequest

REQUEST = MetricRequest("models", "*", Metric.IN_FLIGHT)
PATH = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/models/pods/*/sirocco_requests_in_flight"
ALICE = User("alice", groups=("team",), extra=(("scopes", ("a",)),))


class ApiServer:
    """Decides as `allowed` says, and keeps the reviews."""

    def __init__(self, allowed: bool = True) -> None:
        self.allowed = allowed
        self.reviews: list[Mapping[str, Any]] = []
        self.now = 0.0
        self.authorizer = Authorizer(self._decide, lambda: self.now)

    async def _decide(self, review: Mapping[str, Any]) -> Mapping[str, Any]:
        self.reviews.append(review)
        return {**review, "status": {"allowed": self.allowed}}

    def check(self, user: User = ALICE, request: MetricRequest = REQUEST) -> bool:
        """Whether the user may."""
        try:
            asyncio.run(self.authorizer.check(user, PATH, request))
        except HttpError as error:
            if error.status != 403:
                raise
            return False
        return True


def test_a_metric_is_reviewed_as_a_subresource_of_pods() -> None:
    assert review(ALICE, PATH, REQUEST)["spec"] == {
        "user": "alice",
        "groups": ["team"],
        "extra": {"scopes": ["a"]},
        "resourceAttributes": {
            "verb": "get",
            "group": "custom.metrics.k8s.io",
            "version": "v1beta2",
            "resource": "pods",
            "subresource": "sirocco_requests_in_flight",
            "namespace": "models",
            "name": "*",
        },
    }


def test_discovery_is_reviewed_by_its_path() -> None:
    assert review(User("bob", "1"), "/apis", DiscoveryDocument.GROUPS)["spec"] == {
        "user": "bob",
        "uid": "1",
        "groups": [],
        "nonResourceAttributes": {"verb": "get", "path": "/apis"},
    }


def test_who_may_is_let_in_and_who_may_not_is_refused() -> None:
    assert ApiServer(True).check()
    assert not ApiServer(False).check()


def test_a_refusal_says_who_may_not_do_what() -> None:
    server = ApiServer(False)
    with pytest.raises(HttpError, match='User "alice" cannot get resource "pods/sirocco_requests_in_flight"'):
        asyncio.run(server.authorizer.check(ALICE, PATH, REQUEST))


@pytest.mark.parametrize(("allowed", "seconds"), [(True, ALLOWED_SECONDS), (False, DENIED_SECONDS)])
def test_a_decision_is_believed_for_a_short_time(allowed: bool, seconds: float) -> None:
    server = ApiServer(allowed)
    server.check()
    server.allowed = not allowed
    server.now = seconds - 0.1
    assert server.check() is allowed
    server.now = seconds + 0.1
    assert server.check() is not allowed
    assert len(server.reviews) == 2


def test_a_decision_about_one_is_none_about_others() -> None:
    server = ApiServer(True)
    server.check()
    server.allowed = False
    assert not server.check(User("alice", groups=("other",)))
    assert not server.check(request=MetricRequest("others", "*", Metric.IN_FLIGHT))
    assert not server.check(request=MetricRequest("models", "*", Metric.KV_CACHE))


def test_the_api_servers_own_group_may_all() -> None:
    server = ApiServer(False)
    assert server.check(User("system:kube-aggregator", groups=("system:masters",)))
    assert server.reviews == []
