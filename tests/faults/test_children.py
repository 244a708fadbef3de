"""What others do to the objects of models, while the operator runs and while it does not."""

from collections.abc import Callable

import pytest

from tests.api.client import Client, Object
from tests.api.control_plane import ControlPlane
from tests.api.models import model, wait_gone
from tests.api.operator_process import OperatorProcess
from tests.faults.record import Record
from tests.faults.settled import MANAGED, follow_changes, wait_wanted

MODELS = 10
KINDS = (
    "ConfigMap",
    "ControllerRevision",
    "ServiceAccount",
    "Service",
    "Deployment",
    "PodDisruptionBudget",
)
_EVIL = {"name": "evil", "image": "example.com/evil:1"}
EDITS: dict[str, Object] = {
    "ServiceAccount": {"automountServiceAccountToken": True},
    "Service": {"spec": {"selector": {"app": "evil"}, "sessionAffinity": "ClientIP"}},
    "Deployment": {"spec": {"replicas": 0, "template": {"spec": {"containers": [_EVIL]}}}},
    "PodDisruptionBudget": {"spec": {"selector": {"matchLabels": {"app": "evil"}}}},
}
# Of each object, by kind and name.
Uids = dict[tuple[str, str], str]


def uids(client: Client, namespace: str) -> Uids:
    """The uids of all children, also of those without our label."""
    return {
        (kind, each["metadata"]["name"]): each["metadata"]["uid"]
        for kind in KINDS
        for each in client.objects(kind, namespace)
        if each["metadata"]["name"].startswith("model-")
    }


def edit(client: Client, namespace: str, names: list[str]) -> None:
    """Selectors, replicas, containers and tokens."""
    for kind, change in EDITS.items():
        for name in names:
            client.edit(kind, namespace, name, change)


def relabel(client: Client, namespace: str, names: list[str]) -> None:
    """All labels go."""
    for kind in KINDS:
        for each in client.objects(kind, namespace, MANAGED):
            labels = dict.fromkeys(each["metadata"]["labels"])
            client.patch(kind, namespace, each["metadata"]["name"], {"metadata": {"labels": labels}})


def delete(client: Client, namespace: str, names: list[str]) -> None:
    """Everything goes, with its pods."""
    for kind in KINDS:
        for each in client.objects(kind, namespace, MANAGED):
            client.delete(kind, namespace, each["metadata"]["name"], propagationPolicy="Background")


def disown(client: Client, namespace: str, names: list[str]) -> None:
    """Owner references go."""
    for kind in KINDS:
        for each in client.objects(kind, namespace, MANAGED):
            client.patch(kind, namespace, each["metadata"]["name"], {"metadata": {"ownerReferences": None}})


def orphan(client: Client, namespace: str, names: list[str]) -> None:
    """Models are deleted with --cascade=orphan and applied again."""
    for name in names:
        client.delete("InferenceModel", namespace, name, propagationPolicy="Orphan")
    for name in names:
        wait_gone(client, "InferenceModel", namespace, name)
        client.create(model(namespace, name, replicas=2))


Damage = Callable[[Client, str, list[str]], None]
DAMAGES: dict[str, Damage] = {
    "edited": edit,
    "relabelled": relabel,
    "deleted": delete,
    "disowned": disown,
    "orphaned": orphan,
}


@pytest.mark.parametrize("running", [True, False], ids=["at once", "while nobody looks"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_all_children(
    damage: str,
    running: bool,
    client: Client,
    cluster: ControlPlane,
    operator: OperatorProcess,
    namespace: str,
    record: Record,
) -> None:
    names = [f"model-{number}" for number in range(MODELS)]
    for name in names:
        client.create(model(namespace, name, replicas=2))
    wait_wanted(client, cluster, namespace, names)
    before = uids(client, namespace)
    restarts = operator.restarts
    if not running:
        operator.stop()
    DAMAGES[damage](client, namespace, names)
    if not running:
        operator.start()
    seconds = wait_wanted(client, cluster, namespace, names)
    after = uids(client, namespace)
    assert operator.restarts == restarts
    assert after.keys() == before.keys()
    same = [which for which in before if after[which] == before[which]]
    assert len(same) == (0 if damage == "deleted" else len(before))
    follow_changes(client, namespace, names)
    record(f"{len(before)} objects of {MODELS} models; as wanted after {seconds:.0f} s")
