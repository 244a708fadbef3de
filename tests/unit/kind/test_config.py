import json
from pathlib import Path
from typing import Any

from tests.kind.config import (
    IMAGE_STORE,
    PODS,
    SERVICES,
    audit_policy,
    cluster_config,
    gpu_labels,
    gpu_patch,
    reject_rules,
)


def patches(*, built: bool) -> dict[str, Any]:
    config = json.loads(cluster_config("image:tag", Path("/cache/audit"), Path("/cache/store"), built=built))
    (node,) = config["nodes"]
    documents = [json.loads(text) for text in node["kubeadmConfigPatches"]]
    return {document["kind"]: document for document in documents}


def test_the_api_server_logs_to_a_folder_of_the_node() -> None:
    server = patches(built=True)["ClusterConfiguration"]["apiServer"]
    assert server["extraArgs"]["audit-log-path"] == "/var/log/kubernetes/audit.log"
    writable = [volume["hostPath"] for volume in server["extraVolumes"] if not volume["readOnly"]]
    assert writable == ["/var/log/kubernetes"]


def test_the_audit_policy_is_mounted_where_the_api_server_reads_it() -> None:
    config = json.loads(cluster_config("image:tag", Path("/cache/audit"), Path("/cache/store"), built=False))
    mount = config["nodes"][0]["extraMounts"][0]
    assert (mount["hostPath"], mount["containerPath"]) == ("/cache/audit", "/etc/kubernetes/audit")
    policy_file = patches(built=False)["ClusterConfiguration"]["apiServer"]["extraArgs"]["audit-policy-file"]
    assert policy_file == "/etc/kubernetes/audit/policy.json"


def test_a_built_node_keeps_its_images_in_a_folder_of_the_host() -> None:
    def mounts(*, built: bool) -> dict[str, str]:
        config = json.loads(
            cluster_config("image:tag", Path("/cache/audit"), Path("/cache/store"), built=built)
        )
        return {each["containerPath"]: each["hostPath"] for each in config["nodes"][0]["extraMounts"]}

    assert mounts(built=True)[IMAGE_STORE] == "/cache/store"
    assert IMAGE_STORE not in mounts(built=False)


def test_bodies_and_with_them_secrets_stay_out_of_the_audit_log() -> None:
    assert [rule["level"] for rule in json.loads(audit_policy())["rules"]] == ["Metadata"]


def test_a_built_node_tolerates_what_a_small_machine_lacks() -> None:
    kubelet = patches(built=True)["KubeletConfiguration"]
    assert kubelet["failCgroupV1"] is False
    assert kubelet["featureGates"] == {"KubeletInUserNamespace": True}


def test_a_published_node_keeps_its_own_network_and_storage() -> None:
    config = json.loads(cluster_config("image:tag", Path("/cache/audit"), Path("/cache/store"), built=False))
    assert config["networking"]["disableDefaultCNI"] is False
    assert "controllerManager" not in patches(built=False)["ClusterConfiguration"]


def test_fake_gpus_are_capacity_and_allocatable() -> None:
    assert {(step["path"], step["value"]) for step in json.loads(gpu_patch(8))} == {
        ("/status/capacity/nvidia.com~1gpu", "8"),
        ("/status/allocatable/nvidia.com~1gpu", "8"),
    }


def test_a_node_without_gpus_loses_their_labels() -> None:
    assert all(label.endswith("-") for label in gpu_labels(0))


def test_only_packets_that_would_leave_the_node_are_refused() -> None:
    assert all(rule[1:3] == ["-o", "eth0"] and rule[-1] == "REJECT" for rule in reject_rules())


def test_what_the_node_sends_to_a_services_pods_is_not_refused() -> None:
    refused = {(rule[0], rule[4]) for rule in reject_rules()}
    assert refused == {("OUTPUT", SERVICES), ("FORWARD", SERVICES), ("FORWARD", PODS)}
