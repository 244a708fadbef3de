"""A field that is taken out of a resource goes from its children too, whether the operator runs or not."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from sirocco_operator.api.labels import OPERATOR_PREFIX
from tests.api.client import Client, Object
from tests.api.conftest import new_namespace
from tests.api.models import DEADLINE, model, wait_child, wait_status
from tests.api.operator_process import OperatorProcess
from tests.waiting import eventually

# Each is a spec beside the smallest one; taking it away must give what the smallest one gives.
FIELDS: dict[str, Object] = {
    "model.revision": {"model": {"revision": "v1"}},
    "model.secretName": {"model": {"secretName": "hub"}},
    "servedNames": {"servedNames": ["a", "b"]},
    "tensorParallel": {"tensorParallel": 2},
    "device": {"device": "cpu"},
    "gpuResource": {"gpuResource": "amd.com/gpu"},
    "engine.image": {"engine": {"image": "example.com/serving:1"}},
    "engine.maxModelLen": {"engine": {"maxModelLen": 4096}},
    "engine.dtype": {"engine": {"dtype": "bfloat16"}},
    "engine.quantization": {"engine": {"quantization": "awq"}},
    "engine.kvCacheDtype": {"engine": {"kvCacheDtype": "fp8"}},
    "engine.gpuMemoryUtilization": {"engine": {"gpuMemoryUtilization": 0.5}},
    "engine.maxNumSeqs": {"engine": {"maxNumSeqs": 8}},
    "engine.maxNumBatchedTokens": {"engine": {"maxNumBatchedTokens": 2048}},
    "engine.enforceEager": {"engine": {"enforceEager": True}},
    "engine.trustRemoteCode": {"engine": {"trustRemoteCode": True}},
    "engine.args": {"engine": {"args": ["--seed", "1"]}},
    "engine.env": {"engine": {"env": [{"name": "VLLM_LOGGING_LEVEL", "value": "DEBUG"}]}},
    "engine.generation": {"engine": {"generation": {"temperature": 0, "maxTokens": 16}}},
    "autoscaling": {"autoscaling": {"minReplicas": 2, "maxReplicas": 4}},
    "access.keysSecretName": {"access": {"keysSecretName": "keys"}},
    "access.allowedOrigins": {"access": {"allowedOrigins": ["*"]}},
    "access.deniedPatterns": {"access": {"deniedPatterns": [{"name": "card", "pattern": "[0-9]{16}"}]}},
    "limits": {"limits": {"inFlight": 8, "newTokens": 64, "answerCache": {}}},
    "tracing": {"tracing": {"endpoint": "http://collector:4317", "headersSecretName": "collector"}},
    "cache": {"cache": {"claimName": "weights"}},
    "cache.sizeLimit": {"cache": {"sizeLimit": "200Gi"}},
    "startup": {"startup": {"budgetSeconds": 600}},
    "drain": {"drain": {"timeoutSeconds": 60}},
    "service.type": {"service": {"type": "LoadBalancer"}},
    "service.annotations": {"service": {"annotations": {"example.com/scheme": "internal"}}},
    "service.labels": {"service": {"labels": {"team": "a"}}},
    "rollout": {"rollout": {"strategy": "InPlace"}},
    "resources": {"resources": {"requests": {"cpu": "2"}, "limits": {"memory": "32Gi"}}},
    "nodeSelector": {"nodeSelector": {"zone": "a"}},
    "tolerations": {"tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}]},
    "affinity": {
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [{"key": "gpu", "operator": "Exists"}]}]
                }
            }
        }
    },
    "topologySpreadConstraints": {
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
        ]
    },
    "priorityClassName": {"priorityClassName": "high"},
    "runtimeClassName": {"runtimeClassName": "nvidia"},
    "serviceAccountName": {"serviceAccountName": "mine"},
    "imagePullSecrets": {"imagePullSecrets": [{"name": "pull"}]},
    "volumes": {
        "volumes": [{"name": "extra", "emptyDir": {}}],
        "volumeMounts": [{"name": "extra", "mountPath": "/extra"}],
    },
    "podSecurityContext": {"podSecurityContext": {"runAsUser": 1234}},
    "podLabels": {"podLabels": {"team": "a"}},
    "podAnnotations": {"podAnnotations": {"note": "b"}},
}
# What is inside a list that the API server replaces as a whole has to go from there too.
TOLERATION = {"key": "spot", "operator": "Exists", "effect": "NoSchedule"}
SMALLEST = {"uri": "hf://mistralai/Mistral-7B-Instruct-v0.3"}


def with_field(namespace: str, field: Object) -> Object:
    """The smallest resource and the field."""
    rest = {key: value for key, value in field.items() if key != "model"}
    resource = model(namespace, **rest)
    resource["spec"]["model"] |= field.get("model", {})
    return resource


def children(client: Client, namespace: str) -> list[Any]:
    """What the children hold, but for what is different in each namespace."""
    deployment = wait_child(client, "Deployment", namespace)["spec"]
    account = client.find("ServiceAccount", namespace, "mistral")
    service = wait_child(client, "Service", namespace)
    autoscaler = client.find("HorizontalPodAutoscaler", namespace, "mistral")
    metadata, spec = service["metadata"], service["spec"]
    return [
        deployment,
        {key: value for key, value in metadata["annotations"].items() if not key.startswith(OPERATOR_PREFIX)},
        metadata["labels"],
        # A port of the node goes with the type that asks for it.
        {key: value for key, value in spec.items() if key not in ("clusterIP", "clusterIPs")},
        account is None,
        autoscaler is None,
    ]


def expect_children(client: Client, namespace: str, wanted: list[Any]) -> None:
    def same() -> bool:
        assert children(client, namespace) == wanted
        return True

    eventually(same, DEADLINE, "children as the smallest resource has them", 0.05)


@pytest.fixture(scope="module")
def smallest(client: Client, operator: OperatorProcess) -> Iterator[list[Any]]:
    """The children of the smallest resource."""
    with new_namespace(client) as namespace:
        client.create(model(namespace))
        wait_status(client, namespace)
        yield children(client, namespace)


@pytest.fixture(scope="module")
def removed_while_down(
    client: Client, operator: OperatorProcess, smallest: list[Any]
) -> Iterator[dict[str, str]]:
    """By field: the namespace of a resource that lost it while no operator ran."""
    with ExitStack() as stack:
        namespaces = {name: stack.enter_context(new_namespace(client)) for name in FIELDS}
        for name, field in FIELDS.items():
            client.create(with_field(namespaces[name], field))
        for name, namespace in namespaces.items():
            wait_status(client, namespace)
            assert children(client, namespace) != smallest, f"{name} changes nothing"
        operator.stop()
        for namespace in namespaces.values():
            client.replace_spec("InferenceModel", namespace, "mistral", {"model": SMALLEST})
        operator.start()
        yield namespaces


@pytest.mark.parametrize("field", FIELDS)
def test_a_removed_field_goes_from_the_children(
    client: Client, namespace: str, smallest: list[Any], field: str
) -> None:
    client.create(with_field(namespace, FIELDS[field]))
    wait_status(client, namespace)
    assert children(client, namespace) != smallest
    client.replace_spec("InferenceModel", namespace, "mistral", {"model": SMALLEST})
    expect_children(client, namespace, smallest)


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_removed_while_the_operator_was_down_goes_from_the_children(
    client: Client, removed_while_down: dict[str, str], smallest: list[Any], field: str
) -> None:
    expect_children(client, removed_while_down[field], smallest)


def test_a_field_removed_within_a_list_goes_from_the_children(
    client: Client, namespace: str, operator: OperatorProcess
) -> None:
    client.create(model(namespace, tolerations=[TOLERATION]))
    wait_status(client, namespace)
    short = {key: value for key, value in TOLERATION.items() if key != "effect"}
    client.replace_spec("InferenceModel", namespace, "mistral", {"model": SMALLEST, "tolerations": [short]})

    def told() -> bool:
        live = wait_child(client, "Deployment", namespace)["spec"]["template"]["spec"]["tolerations"]
        assert short in live
        return True

    eventually(told, DEADLINE, "the toleration without effect", 0.05)
