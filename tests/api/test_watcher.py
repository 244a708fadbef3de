"""The watch of the models, against a real API server."""

import asyncio
from collections.abc import Iterator

import pytest
import yaml

from sirocco_operator.kube.connection import Credentials
from sirocco_operator.kube.model_watch import ModelWatch
from tests.api.conftest import CRD_FILE
from tests.api.control_plane import ControlPlane
from tests.waiting import eventually_beside


@pytest.fixture(scope="module")
def without_models() -> Iterator[ControlPlane]:
    """A cluster that does not have our API."""
    with ControlPlane(controllers=False) as cluster:
        yield cluster


def test_the_watch_tells_when_the_api_was_not_found(without_models: ControlPlane) -> None:
    assert asyncio.run(_incomplete(without_models))
    without_models.client.apply(yaml.safe_load(CRD_FILE.read_text()))
    without_models.client.wait_established("inferencemodels.inference.sirocco.dev")
    assert not asyncio.run(_incomplete(without_models))


async def _incomplete(cluster: ControlPlane) -> bool:
    """Whether the watch, once it had looked for the API, had not found it."""

    async def login() -> Credentials:
        return Credentials(
            server=cluster.server,
            ca_path=str(cluster.certificate),
            token=cluster.token("admin"),
            certificate_path=None,
            key_path=None,
            insecure=False,
        )

    watch = ModelWatch([], login, lambda _, manifest: None)
    watch.start()
    await eventually_beside(watch.looked.is_set, 30)
    await watch.stop()
    return watch.incomplete
