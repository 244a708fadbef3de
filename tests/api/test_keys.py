"""Keys made by `sirocco keys create`, in a Secret of the cluster."""

import pytest
import yaml

from sirocco_operator.cli.main import main
from tests.api.client import Client, Object


def created(capsys: pytest.CaptureFixture[str], name: str, namespace: str) -> Object:
    """What the command prints for `kubectl apply`."""
    assert main(["keys", "create", name, "-n", namespace]) == 0
    manifest: Object = yaml.safe_load(capsys.readouterr().out)
    return manifest


def test_keys_are_added_replaced_and_revoked_one_by_one(
    client: Client, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("alice", "bob"):
        client.apply(created(capsys, name, namespace), f"sirocco-key-{name}")
    first = client.get("Secret", namespace, "model-keys")["data"]
    assert set(first) == {"alice", "bob"}
    client.apply(created(capsys, "alice", namespace), "sirocco-key-alice")
    second = client.get("Secret", namespace, "model-keys")["data"]
    assert (second["alice"] != first["alice"], second["bob"]) == (True, first["bob"])
    client.patch("Secret", namespace, "model-keys", {"data": {"alice": None}})
    assert client.get("Secret", namespace, "model-keys")["data"] == {"bob": first["bob"]}
