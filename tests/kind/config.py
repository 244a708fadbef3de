"""The cluster's configuration, as kind and kubeadm read it. JSON, which is YAML too."""

import json
from pathlib import Path
from typing import Any

CLUSTER = "sirocco"
NODE = f"{CLUSTER}-control-plane"
CONTEXT = f"kind-{CLUSTER}"
SERVICES = "10.96.0.0/16"
PODS = "10.244.0.0/16"
AUDIT_LOG = "/var/log/kubernetes/audit.log"
AUDIT_POLICY = "/etc/kubernetes/audit/policy.json"
IMAGE_STORE = "/var/lib/containerd"

GPU_PRODUCT = "NVIDIA-H100-80GB-HBM3"
GPU_MEMORY_MIB = 81559


def audit_policy() -> str:
    """Return the API server's audit policy: who did what to which object, once it is answered."""
    return json.dumps(
        {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [{"level": "Metadata"}],
        }
    )


def cluster_config(image: str, audit_folder: Path, store: Path, *, built: bool) -> str:
    """Return the cluster's configuration for kind.

    audit_folder holds policy.json on the host. A node image that was built here brings its own pod network,
    runs where cgroup v1 and a missing CAP_SYS_RESOURCE have to be tolerated, and takes the controller
    manager's host-path volumes as its default storage class. It keeps its images in store, a folder of the
    host that outlives it; a published node has its images in itself.
    """
    patches: list[dict[str, Any]] = [_api_server(built=built)]
    if built:
        patches.append(
            {
                "kind": "KubeletConfiguration",
                "failCgroupV1": False,
                "featureGates": {"KubeletInUserNamespace": True},
            }
        )
    mounts: list[dict[str, Any]] = [
        {"hostPath": str(audit_folder), "containerPath": str(Path(AUDIT_POLICY).parent), "readOnly": True}
    ]
    if built:
        mounts.append({"hostPath": str(store), "containerPath": IMAGE_STORE})
    node = {
        "role": "control-plane",
        "image": image,
        "extraMounts": mounts,
        "kubeadmConfigPatches": [json.dumps(patch) for patch in patches],
    }
    return json.dumps(
        {
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "kind": "Cluster",
            "name": CLUSTER,
            "networking": {"disableDefaultCNI": built, "serviceSubnet": SERVICES, "podSubnet": PODS},
            "nodes": [node],
        },
        indent=2,
    )


def _api_server(*, built: bool) -> dict[str, Any]:
    folders = {
        "audit-policy": (str(Path(AUDIT_POLICY).parent), True),
        "audit-log": (str(Path(AUDIT_LOG).parent), False),
    }
    patch: dict[str, Any] = {
        "kind": "ClusterConfiguration",
        "apiServer": {
            "extraArgs": {
                "audit-policy-file": AUDIT_POLICY,
                "audit-log-path": AUDIT_LOG,
                "audit-log-maxsize": "200",
                "audit-log-maxbackup": "2",
            },
            "extraVolumes": [
                {
                    "name": name,
                    "hostPath": path,
                    "mountPath": path,
                    "readOnly": read_only,
                    "pathType": "DirectoryOrCreate",
                }
                for name, (path, read_only) in folders.items()
            ],
        },
    }
    if built:
        patch["controllerManager"] = {"extraArgs": {"enable-hostpath-provisioner": "true"}}
    return patch


def gpu_patch(count: int) -> str:
    """Return the JSON patch of a node's status that gives it GPUs which are not there."""
    places = ("/status/capacity/nvidia.com~1gpu", "/status/allocatable/nvidia.com~1gpu")
    return json.dumps([{"op": "add", "path": path, "value": str(count)} for path in places])


def gpu_labels(count: int) -> list[str]:
    """Return the labels that NVIDIA's GPU feature discovery sets, as `kubectl label` takes them."""
    if count == 0:
        return ["nvidia.com/gpu.product-", "nvidia.com/gpu.memory-", "nvidia.com/gpu.count-"]
    return [
        f"nvidia.com/gpu.product={GPU_PRODUCT}",
        f"nvidia.com/gpu.memory={GPU_MEMORY_MIB}",
        f"nvidia.com/gpu.count={count}",
    ]


def reject_rules(network_interface: str = "eth0") -> list[list[str]]:
    """Return the node's packet rules that refuse cluster addresses which nothing in the node took.

    Until kube-proxy knows a new Service, packets to its address would leave by the default route, and
    whatever answers there keeps a pooled connection for good. What the node itself sends to a Service passes
    OUTPUT with a pod's address already, but still on the way out: there only Services' addresses are refused.
    """
    refused = [("OUTPUT", SERVICES), ("FORWARD", SERVICES), ("FORWARD", PODS)]
    return [[chain, "-o", network_interface, "-d", network, "-j", "REJECT"] for chain, network in refused]
