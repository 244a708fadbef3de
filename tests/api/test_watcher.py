"""The watches themselves, against a real API server."""

import asyncio

import yaml

from sirocco_operator.kube.client import Credentials
from sirocco_operator.kube.kinds import SERVICE, SERVICE_MONITOR, Kind
from sirocco_operator.kube.watch import Watcher
from tests.api.client import Client
from tests.api.control_plane import ControlPlane
from tests.api.optional_apis import served
from tests.waiting import eventually_beside


def test_watches_tell_when_an_api_was_not_found(client: Client, cluster: ControlPlane) -> None:
    assert asyncio.run(_incomplete(cluster, SERVICE, SERVICE_MONITOR))
    with served(client, "monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors"):
        assert not asyncio.run(_incomplete(cluster, SERVICE, SERVICE_MONITOR))


async def _incomplete(cluster: ControlPlane, *kinds: Kind) -> bool:
    """What the watches told once they had told of an object."""
    config = yaml.safe_load(cluster.kubeconfig("admin").read_text())

    async def login() -> Credentials:
        return Credentials(
            server=cluster.server,
            ca_path=config["clusters"][0]["cluster"]["certificate-authority"],
            token=config["users"][0]["user"]["token"],
            certificate_path=None,
            key_path=None,
            insecure=False,
        )

    seen: list[object] = []
    watcher = Watcher(dict.fromkeys(kinds, ""), [], login, lambda _, manifest: seen.append(manifest))
    watcher.start()
    await eventually_beside(lambda: bool(seen), 30)
    await watcher.stop()
    return watcher.incomplete
