"""One control plane and one admin client for the whole session; a namespace for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.api.client import Client
from tests.api.control_plane import ControlPlane
from tests.api.operator_process import OperatorProcess, install_rights

CRD_FILE = Path(__file__).parents[2] / "crds" / "inferencemodels.yaml"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.api)


@pytest.fixture(scope="session")
def cluster() -> Iterator[ControlPlane]:
    """A running control plane with the InferenceModel CRD; `cluster.client` is its admin."""
    with ControlPlane(crds=[yaml.safe_load(CRD_FILE.read_text())]) as control_plane:
        yield control_plane


@pytest.fixture(scope="session")
def client(cluster: ControlPlane) -> Client:
    """The admin's client."""
    return cluster.client


@pytest.fixture(scope="session")
def operator(cluster: ControlPlane) -> Iterator[OperatorProcess]:
    """The running operator that tests share; who stops it starts it again."""
    install_rights(cluster.client)
    with OperatorProcess(cluster) as process:
        yield process


@pytest.fixture
def namespace(client: Client) -> Iterator[str]:
    """A namespace of the test's own."""
    created = client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "test-"}})
    name: str = created["metadata"]["name"]
    yield name
    client.delete("Namespace", None, name)
