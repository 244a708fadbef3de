"""The writable volumes of a pod."""

from typing import Any

import pytest

from sirocco_operator.kube.quantity import canonical
from tests.unit.children.rendering import download, engine, mounts, pod, volumes

pytestmark = pytest.mark.unit


def _shm(**spec: Any) -> str:
    source = volumes(pod(**spec))["shm"]["emptyDir"]
    assert source["medium"] == "Memory"
    size: str = source["sizeLimit"]
    return size


def test_every_mount_of_the_engine_and_nothing_else() -> None:
    assert mounts(engine()) == {
        "/models": {"name": "models", "mountPath": "/models", "readOnly": True},
        "/cache": {"name": "cache", "mountPath": "/cache"},
        "/tmp": {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        "/dev/shm": {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108
        "/etc/sirocco": {"name": "serving", "mountPath": "/etc/sirocco", "readOnly": True},
    }


def test_caches_and_temporary_files_live_as_long_as_the_pod() -> None:
    found = volumes(pod())
    assert found["cache"] == {"name": "cache", "emptyDir": {}}
    assert found["tmp"] == {"name": "tmp", "emptyDir": {}}


def test_keys_are_mounted_as_folders_which_follow_their_secret() -> None:
    spec = {"access": {"keysSecretName": "team-keys"}}
    assert volumes(pod(**spec))["keys"] == {"name": "keys", "secret": {"secretName": "team-keys"}}
    assert volumes(pod(**spec))["internal"] == {
        "name": "internal",
        "secret": {"secretName": "mistral-internal"},
    }
    found = mounts(engine(**spec))
    assert found["/etc/sirocco-keys"] == {
        "name": "keys",
        "mountPath": "/etc/sirocco-keys",
        "readOnly": True,
    }
    assert found["/etc/sirocco-internal"] == {
        "name": "internal",
        "mountPath": "/etc/sirocco-internal",
        "readOnly": True,
    }


def test_weights_are_fetched_without_sight_of_the_keys() -> None:
    mounted = mounts(download(access={"keysSecretName": "team-keys"}))
    assert not {"/etc/sirocco-keys", "/etc/sirocco-internal"} & set(mounted)


def test_shared_memory_grows_with_tensor_parallelism() -> None:
    assert _shm() == "2Gi"
    assert _shm(tensorParallel=2) == "8Gi"


def test_shared_memory_may_take_half_of_a_memory_limit_at_most() -> None:
    assert _shm(resources={"limits": {"memory": "6Gi"}}) == "2Gi"
    assert _shm(resources={"limits": {"memory": "3Gi"}}) == "1536Mi"
    assert _shm(tensorParallel=2, resources={"limits": {"memory": "8Gi"}}) == "4Gi"


@pytest.mark.parametrize("limit", ["1500M", "2.5Gi", "1e9", "1000000k"])
def test_shared_memory_stays_below_a_limit_however_it_is_written(limit: str) -> None:
    size = canonical(_shm(resources={"limits": {"memory": limit}}))
    assert 0 < size <= canonical(limit) / 2


def test_the_users_volumes_and_mounts_are_added() -> None:
    volume = {"name": "data", "nfs": {"server": "nfs", "path": "/"}}
    mount = {"name": "data", "mountPath": "/data", "subPath": "a", "readOnly": True}
    spec = {"volumes": [volume], "volumeMounts": [mount]}
    assert volumes(pod(**spec))["data"] == volume
    assert mounts(engine(**spec))["/data"] == mount
    assert "/cache" in mounts(engine(**spec))
