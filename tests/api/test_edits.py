"""What others change of a child goes again, whatever webhooks make of what is written."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.client import Client, Object
from tests.api.control_plane import ControlPlane
from tests.api.models import DEADLINE, model, wait_child, wait_reason, wait_status
from tests.api.operator_process import OperatorProcess
from tests.api.webhook import mutated
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")

KEYS = {"keysSecretName": "team-keys"}
# Lists that are replaced as a whole, in which the API server fills in defaults.
PROJECTED: dict[str, Any] = {
    "volumes": [
        {
            "name": "extra",
            "projected": {
                "sources": [
                    {
                        "downwardAPI": {
                            "items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
                        }
                    }
                ]
            },
        }
    ],
    "volumeMounts": [{"name": "extra", "mountPath": "/extra"}],
}


def pod(deployment: Object) -> Object:
    found: Object = deployment["spec"]["template"]["spec"]
    return found


def engine(deployment: Object) -> Object:
    found: Object = pod(deployment)["containers"][0]
    return found


def in_pod(**change: Any) -> Object:
    return {"spec": {"template": {"spec": change}}}


def in_engine(**change: Any) -> Object:
    return in_pod(containers=[{"name": "vllm", **change}])


def mirror_images(deployment: Object) -> list[Object]:
    """Images come from a mirror."""
    steps = []
    for kind in ("containers", "initContainers"):
        for number, container in enumerate(pod(deployment).get(kind) or ()):
            image = container["image"]
            if not image.startswith("mirror.example.com/"):
                path = f"/spec/template/spec/{kind}/{number}/image"
                steps.append({"op": "replace", "path": path, "value": f"mirror.example.com/{image}"})
    return steps


def add_label(deployment: Object) -> list[Object]:
    """Pods get a label and a sidecar."""
    sidecar = {"name": "mesh", "image": "mesh:1"}
    steps: list[Object] = [{"op": "add", "path": "/spec/template/metadata/labels/mesh", "value": "yes"}]
    if not any(each["name"] == "mesh" for each in pod(deployment)["containers"]):
        steps.append({"op": "add", "path": "/spec/template/spec/containers/-", "value": sidecar})
    return steps


def wait_live(
    client: Client, namespace: str, holds: Callable[[Object], Any], kind: str = "Deployment"
) -> Object:
    """The child once `holds`."""

    def found() -> Object:
        live = client.get(kind, namespace, "mistral")
        assert holds(live), f"it is {live['spec']}"
        return live

    return eventually(found, DEADLINE, f"{kind} mistral to be as wanted", 0.02)


# By name: what an edit sends, and what holds before it and again after it.
EDITS: dict[str, tuple[Object, Callable[[Object], Any]]] = {
    "a scale to nothing": ({"spec": {"replicas": 0}}, lambda live: live["spec"]["replicas"] == 1),
    "another image": (
        in_engine(image="example.com/evil:1"),
        lambda live: "evil" not in engine(live)["image"],
    ),
    "a variable more": (
        in_engine(env=[{"name": "EVIL", "value": "1"}]),
        lambda live: "EVIL" not in {each["name"] for each in engine(live)["env"]},
    ),
    "a sidecar": (
        in_pod(containers=[{"name": "evil", "image": "example.com/evil:1"}]),
        lambda live: "evil" not in {each["name"] for each in pod(live)["containers"]},
    ),
    "a label of the pods": (
        {"spec": {"template": {"metadata": {"labels": {"evil": "yes"}}}}},
        lambda live: "evil" not in live["spec"]["template"]["metadata"]["labels"],
    ),
    "an annotation of the pods": (
        {"spec": {"template": {"metadata": {"annotations": {"evil": "yes"}}}}},
        lambda live: "evil" not in (live["spec"]["template"]["metadata"].get("annotations") or {}),
    ),
    "a node selector": (
        in_pod(nodeSelector={"evil": "yes"}),
        lambda live: "nodeSelector" not in pod(live),
    ),
    "a volume": (
        in_pod(volumes=[{"name": "evil", "hostPath": {"path": "/"}}]),
        lambda live: "evil" not in {each["name"] for each in pod(live)["volumes"]},
    ),
    "a second source of a volume's size": (
        in_pod(volumes=[{"name": "tmp", "emptyDir": {"medium": "Memory"}}]),
        lambda live: {"name": "tmp", "emptyDir": {}} in pod(live)["volumes"],
    ),
    "a pause": ({"spec": {"paused": True}}, lambda live: not live["spec"].get("paused")),
    "a delay": ({"spec": {"minReadySeconds": 1200}}, lambda live: not live["spec"].get("minReadySeconds")),
    "pods that recreate": (
        {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}},
        lambda live: live["spec"]["strategy"]["type"] == "RollingUpdate",
    ),
    "a host's name": (in_pod(hostname="evil"), lambda live: "hostname" not in pod(live)),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_others_change_of_the_deployment_goes(client: Client, namespace: str, edit: str) -> None:
    change, holds = EDITS[edit]
    client.create(model(namespace))
    wait_status(client, namespace)
    before = wait_child(client, "Deployment", namespace)
    assert holds(before)
    assert not holds(client.edit("Deployment", namespace, "mistral", change))
    after = wait_live(client, namespace, holds)
    assert after["spec"] == before["spec"]


SERVICE_EDITS: dict[str, tuple[Object, Callable[[Object], Any]]] = {
    "a port": (
        {"spec": {"ports": [{"name": "evil", "port": 22, "protocol": "TCP"}]}},
        lambda live: len(live["spec"]["ports"]) == 1,
    ),
    "a narrower selector": (
        {"spec": {"selector": {"evil": "yes"}}},
        lambda live: "evil" not in live["spec"]["selector"],
    ),
    "pods that are not ready": (
        {"spec": {"publishNotReadyAddresses": True}},
        lambda live: not live["spec"].get("publishNotReadyAddresses"),
    ),
    "sessions": (
        {"spec": {"sessionAffinity": "ClientIP"}},
        lambda live: live["spec"]["sessionAffinity"] == "None",
    ),
    "an address": (
        {"spec": {"externalIPs": ["192.0.2.1"]}},
        lambda live: not live["spec"].get("externalIPs"),
    ),
    "node ports": ({"spec": {"type": "NodePort"}}, lambda live: live["spec"]["type"] == "ClusterIP"),
    "the pods of one's own node": (
        {"spec": {"internalTrafficPolicy": "Local"}},
        lambda live: live["spec"]["internalTrafficPolicy"] == "Cluster",
    ),
}


@pytest.mark.parametrize("edit", SERVICE_EDITS)
def test_what_others_change_of_the_service_goes(client: Client, namespace: str, edit: str) -> None:
    change, holds = SERVICE_EDITS[edit]
    client.create(model(namespace))
    wait_status(client, namespace)
    before = wait_child(client, "Service", namespace)
    assert holds(before)
    assert not holds(client.edit("Service", namespace, "mistral", change))
    assert wait_live(client, namespace, holds, "Service")["spec"] == before["spec"]


def test_what_others_add_to_a_config_map_goes(client: Client, namespace: str) -> None:
    client.create(model(namespace, access=KEYS))
    wait_status(client, namespace)
    client.edit("ConfigMap", namespace, "mistral-internal", {"data": {"evil": "yes"}})
    eventually(
        lambda: list(client.get("ConfigMap", namespace, "mistral-internal")["data"]) == ["README"],
        DEADLINE,
        "the other entry to be gone",
        0.02,
    )


def test_a_config_map_that_others_made_immutable_is_made_anew(client: Client, namespace: str) -> None:
    client.create(model(namespace, access=KEYS))
    wait_status(client, namespace)
    change = {"data": {"evil": "yes"}, "immutable": True}
    old = client.edit("ConfigMap", namespace, "mistral-internal", change)

    def anew() -> bool:
        found = client.find("ConfigMap", namespace, "mistral-internal")
        assert found is not None
        assert found["metadata"]["uid"] != old["metadata"]["uid"]
        return not found.get("immutable") and list(found["data"]) == ["README"]

    eventually(anew, DEADLINE, "a ConfigMap that can be changed", 0.05)


@pytest.mark.parametrize("mutation", [mirror_images, add_label], ids=lambda each: each.__name__)
@pytest.mark.parametrize("edit", ["a scale to nothing", "another image", "a variable more", "a pause"])
@pytest.mark.parametrize("applied", [False, True], ids=["created", "applied"])
def test_it_goes_also_where_a_webhook_changes_what_is_written(
    client: Client, namespace: str, mutation: Callable[[Object], list[Object]], edit: str, applied: bool
) -> None:
    change, holds = EDITS[edit]
    with mutated(client, namespace, mutation):
        client.create(model(namespace))
        wait_status(client, namespace)
        if applied:
            client.patch("InferenceModel", namespace, "mistral", {"spec": {"engine": {"maxModelLen": 1024}}})
            wait_live(client, namespace, lambda live: "1024" in engine(live)["args"])
        assert not holds(client.edit("Deployment", namespace, "mistral", change))
        wait_live(client, namespace, holds)


@pytest.mark.parametrize("edit", ["a scale to nothing", "another image"])
def test_it_goes_also_where_defaults_are_filled_into_whole_lists(
    client: Client, namespace: str, edit: str
) -> None:
    change, holds = EDITS[edit]
    client.create(model(namespace, **PROJECTED))
    wait_status(client, namespace)
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"engine": {"maxModelLen": 1024}}})
    wait_live(client, namespace, lambda live: "1024" in engine(live)["args"])
    assert not holds(client.edit("Deployment", namespace, "mistral", change))
    wait_live(client, namespace, holds)


@pytest.mark.parametrize("spec", [{}, PROJECTED], ids=["a webhook", "a webhook and whole lists"])
def test_what_a_webhook_makes_of_a_child_is_not_written_again_nor_after_a_restart(
    client: Client, cluster: ControlPlane, operator: OperatorProcess, namespace: str, spec: Object
) -> None:
    with mutated(client, namespace, lambda each: [*mirror_images(each), *add_label(each)]):
        client.create(model(namespace, **spec))
        wait_status(client, namespace)
        client.patch("InferenceModel", namespace, "mistral", {"spec": {"engine": {"maxModelLen": 1024}}})
        wait_live(client, namespace, lambda live: "1024" in engine(live)["args"])
        offset = cluster.wait_quiet(namespace)
        before = operator.metric("sirocco_operator_reconciles_total")
        client.patch("Deployment", namespace, "mistral", {"metadata": {"annotations": {"touched": "yes"}}})
        eventually(
            lambda: operator.metric("sirocco_operator_reconciles_total") > before, DEADLINE, "a pass", 0.05
        )
        assert operator.stop() == 0
        operator.start()
        cluster.wait_quiet(namespace)
        assert cluster.writes(offset, namespace) == []


def test_a_webhook_that_writes_another_value_each_time_makes_no_hot_loop(
    client: Client, cluster: ControlPlane, namespace: str
) -> None:
    numbers = itertools.count()

    def number(deployment: Object) -> list[Object]:
        """A field that is ours gets another value at every write, the Deployment controller's too."""
        path = "/spec/template/spec/terminationGracePeriodSeconds"
        return [{"op": "replace", "path": path, "value": 1000 + next(numbers)}]

    with mutated(client, namespace, number):
        client.create(model(namespace))
        wait_status(client, namespace)
        offset = cluster.audit_offset()
        for _ in range(20):
            client.patch("Deployment", namespace, "mistral", {"metadata": {"annotations": {"n": "x"}}})
            client.patch("Deployment", namespace, "mistral", {"metadata": {"annotations": {"n": "y"}}})
        cluster.wait_quiet(namespace)
        applies = [each for each in cluster.writes(offset, namespace) if "/deployments/" in each]
        # One that meets another edit is refused, changes nothing, and is made again.
        landed = [each for each in applies if each.endswith("-> 200")]
        assert len(landed) < 10, applies


def test_a_rollout_restart_stays_through_later_changes(client: Client, namespace: str) -> None:
    client.create(model(namespace))
    wait_status(client, namespace)
    restart = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
    change = {"spec": {"template": {"metadata": {"annotations": restart}}}}
    client.edit("Deployment", namespace, "mistral", change)
    client.edit("Deployment", namespace, "mistral", EDITS["a variable more"][0])
    wait_live(client, namespace, EDITS["a variable more"][1])
    client.patch("InferenceModel", namespace, "mistral", {"spec": {"engine": {"maxModelLen": 1024}}})
    live = wait_live(client, namespace, lambda live: "1024" in engine(live)["args"])
    assert (live["spec"]["template"]["metadata"].get("annotations") or {}).items() >= restart.items()


def test_a_change_that_the_api_server_refuses_deletes_nothing_whatever_its_words(
    client: Client, namespace: str
) -> None:
    client.create(model(namespace, "immutable-webhook"))
    wait_status(client, namespace, "immutable-webhook")
    before = wait_child(client, "Deployment", namespace, "immutable-webhook")
    change = {"spec": {"resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "2Gi"}}}}
    client.patch("InferenceModel", namespace, "immutable-webhook", change)
    status = wait_reason(client, namespace, "ChildRejected", "immutable-webhook")
    assert "must be less than or equal to memory limit" in status["message"]
    after = client.get("Deployment", namespace, "immutable-webhook")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert "deletionTimestamp" not in after["metadata"]
