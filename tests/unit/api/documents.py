"""Documents that everybody must judge alike: the API server, and the check without one."""

from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]


def document(name: str = "model", **spec: Any) -> Document:
    """The smallest resource, with these fields of the spec over it."""
    return {
        "apiVersion": "inference.sirocco.dev/v1alpha1",
        "kind": "InferenceModel",
        "metadata": {"name": name},
        "spec": {"model": {"uri": "hf://mistralai/Mistral-7B-Instruct-v0.3"}, **spec},
    }


def with_model(**model: Any) -> Document:
    """A resource whose `spec.model` is this."""
    return document(model=model)


def with_args(*args: str) -> Document:
    """A resource with these `engine.args`."""
    return document(engine={"args": list(args)})


def with_env(name: str) -> Document:
    """A resource with this variable in `engine.env`."""
    return document(engine={"env": [{"name": name, "value": "1"}]})


def with_mount(path: str) -> Document:
    """A resource that mounts a volume of its own there."""
    return document(
        volumes=[{"name": "data", "emptyDir": {}}], volumeMounts=[{"name": "data", "mountPath": path}]
    )


def with_term(**term: Any) -> Document:
    """A resource whose pods must not run beside those of this term."""
    terms = [{"topologyKey": "kubernetes.io/hostname", **term}]
    return document(affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}})


def with_node_term(**term: Any) -> Document:
    """A resource whose pods need a node of this term."""
    selector = {"nodeSelectorTerms": [term]}
    return document(affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": selector}})


def with_spread(**constraint: Any) -> Document:
    """A resource whose pods spread over zones so."""
    whole = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", **constraint}
    return document(topologySpreadConstraints=[whole])


def with_volume(**source: Any) -> Document:
    """A resource with a volume of this source."""
    return document(volumes=[{"name": "data", **source}])


@dataclass(frozen=True)
class Refused:
    """A document against a rule, and a part of the sentence that answers it."""

    document: Document
    sentence: str


REFUSED: dict[str, Refused] = {
    "a dotted name": Refused(
        document("llama-3.1-8b"), "write 'llama-3-1-8b', and put 'llama-3.1-8b' into spec.servedNames"
    ),
    "a name that starts with a digit": Refused(document("7b"), "starts with a letter: write e.g. 'm-7b'"),
    "a name of 53 characters": Refused(document("m" * 53), "metadata.name has more than 52 characters"),
    "an unsupported scheme": Refused(
        with_model(uri="s3://bucket/model"), "model.uri must start with hf://, pvc:// or oci://"
    ),
    "a repository without its organisation": Refused(
        with_model(uri="hf://Mistral-7B"), "names one repository as hf://org/name"
    ),
    "a claim's path that steps out": Refused(
        with_model(uri="pvc://weights/../secret"), "model.uri with pvc:// is pvc://claim/path"
    ),
    "an image reference with a space": Refused(
        with_model(uri="oci://registry/model 1"), "model.uri with oci:// is an image reference"
    ),
    "a revision of a claim": Refused(
        with_model(uri="pvc://weights/mistral", revision="main"), "model.revision is for hf:// only"
    ),
    "a secret for an image": Refused(
        with_model(uri="oci://registry/model:1", secretName="hub"), "model.secretName is for hf:// only"
    ),
    "a fixed count beside autoscaling": Refused(
        document(replicas=2, autoscaling={"maxReplicas": 4}),
        "autoscaling owns the replica count: remove replicas, or remove autoscaling",
    ),
    "a stop beside autoscaling": Refused(
        document(replicas=0, autoscaling={"maxReplicas": 4}), "autoscaling owns the replica count"
    ),
    "fewest replicas above the most": Refused(
        document(autoscaling={"minReplicas": 5, "maxReplicas": 4}),
        "autoscaling.minReplicas must not be above autoscaling.maxReplicas",
    ),
    "a cache for an image": Refused(
        document(model={"uri": "oci://registry/model:1"}, cache={"claimName": "weights"}), "remove cache"
    ),
    "a cache of a size that has one": Refused(
        document(cache={"claimName": "weights", "sizeLimit": "200Gi"}),
        "cache has claimName, for a claim that has its own size, or sizeLimit",
    ),
    "a cache of nothing": Refused(document(cache={}), "set one of them"),
    "a cache without room": Refused(document(cache={"sizeLimit": "0Gi"}), "write e.g. 200Gi"),
    "a cache of bytes": Refused(document(cache={"sizeLimit": 200}), "with its unit: write e.g. 200Gi"),
    "a cache of thousandths": Refused(document(cache={"sizeLimit": "200m"}), "write e.g. 200Gi"),
    "an operator's label of the Service": Refused(
        document(service={"labels": {"app.kubernetes.io/name": "other"}}),
        "service.labels may not set app.kubernetes.io/name",
    ),
    "a Service's label under the operator's prefix": Refused(
        document(service={"labels": {"inference.sirocco.dev/model": "other"}}),
        "the operator finds its objects by them",
    ),
    "a Service's label that Kubernetes refuses": Refused(
        document(service={"labels": {"team name": "a"}}), "service.labels has a key"
    ),
    "a Service's annotation under the operator's prefix": Refused(
        document(service={"annotations": {"inference.sirocco.dev/x": "1"}}),
        "service.annotations may not set inference.sirocco.dev/*",
    ),
    "a Service's annotation that Kubernetes refuses": Refused(
        document(service={"annotations": {"a/b/c": "1"}}), "service.annotations has a key"
    ),
    "several GPUs on a CPU": Refused(document(device="cpu", tensorParallel=2), "device cpu has none"),
    "a GPU's resource on a CPU": Refused(
        document(device="cpu", gpuResource="amd.com/gpu"), "remove gpuResource, or set device: gpu"
    ),
    "a share of GPU memory on a CPU": Refused(
        document(device="cpu", engine={"gpuMemoryUtilization": 0.5}), "VLLM_CPU_KVCACHE_SPACE"
    ),
    "a GPU in requests": Refused(
        document(resources={"requests": {"nvidia.com/gpu": 1}}), "resources may not ask for GPUs"
    ),
    "a GPU of another make in limits": Refused(
        document(gpuResource="amd.com/gpu", resources={"limits": {"amd.com/gpu": "1"}}),
        "set tensorParallel to the number of GPUs",
    ),
    "a request that is no resource's name": Refused(
        document(resources={"requests": {"my memory": "1Gi"}}), "resources.requests has a key"
    ),
    "a limit that is no resource's name": Refused(
        document(resources={"limits": {"-cpu": "1"}}), "resources.limits has a key"
    ),
    "a request that is no resource of a container": Refused(
        document(resources={"requests": {"gpu": 1}}), "resources.requests has a key that is no resource"
    ),
    "a limit that is no resource of a container": Refused(
        document(resources={"limits": {"storage": "1Gi"}}), "resources.limits has a key that is no resource"
    ),
    "a request of an extended resource without its limit": Refused(
        document(resources={"requests": {"example.com/nic": 1}}), "cannot be overcommitted"
    ),
    "a request of huge pages below its limit": Refused(
        document(resources={"requests": {"hugepages-2Mi": "2Mi"}, "limits": {"hugepages-2Mi": "4Mi"}}),
        "cannot be overcommitted",
    ),
    "a prompt's limit above the model's length": Refused(
        document(engine={"maxModelLen": 4096}, limits={"promptTokens": 4096}),
        "limits.promptTokens must be below engine.maxModelLen",
    ),
    "an answer's limit above the model's length": Refused(
        document(engine={"maxModelLen": 4096}, limits={"newTokens": 8192}),
        "limits.newTokens must be below engine.maxModelLen",
    ),
    "an origin with a path": Refused(
        document(access={"allowedOrigins": ["https://chat.example.com/"]}),
        "access.allowedOrigins holds origins as browsers send them",
    ),
    "an origin with a port that is none": Refused(
        document(access={"allowedOrigins": ["http://localhost:65536"]}),
        "access.allowedOrigins holds origins as browsers send them",
    ),
    "a collector with a path": Refused(
        document(tracing={"endpoint": "http://collector:4318/v1/traces"}),
        "tracing.endpoint is the gRPC address of an OTLP collector",
    ),
    "a collector without a scheme": Refused(
        document(tracing={"endpoint": "collector:4317"}), "write e.g. http://collector.observability:4317"
    ),
    "a mount of a volume that is not there": Refused(
        document(volumeMounts=[{"name": "data", "mountPath": "/data"}]), "a volume that volumes does not have"
    ),
    "a volume with an operator's name": Refused(
        document(volumes=[{"name": "shm", "emptyDir": {}}]), "volumes may not be named models, model"
    ),
    "a mount under the operator's": Refused(with_mount("/models/mine"), "mountPath may not be, lie under"),
    "a mount over the keys": Refused(with_mount("/etc/sirocco-keys"), "mountPath may not be, lie under"),
    "a mount over the operator's": Refused(with_mount("/etc"), "mountPath may not be, lie under or hide"),
    "a relative mount path": Refused(with_mount("data"), "mountPath is an absolute path"),
    "a mount path with dots": Refused(with_mount("/data/../models"), "mountPath is an absolute path"),
    "an operator's label": Refused(
        document(podLabels={"app.kubernetes.io/instance": "other"}), "the operator finds its pods by them"
    ),
    "a label under the operator's prefix": Refused(
        document(podLabels={"inference.sirocco.dev/model": "other"}), "the operator finds its pods by them"
    ),
    "a label's key that Kubernetes refuses": Refused(
        document(podLabels={"team name": "a"}), "podLabels has a key that Kubernetes does not take"
    ),
    "an annotation under the operator's prefix": Refused(
        document(podAnnotations={"inference.sirocco.dev/x": "1"}), "the operator keeps for itself"
    ),
    "an annotation's key that Kubernetes refuses": Refused(
        document(podAnnotations={"a/b/c": "1"}), "podAnnotations has a key that Kubernetes does not take"
    ),
    "a node label's key that Kubernetes refuses": Refused(
        document(nodeSelector={"UPPER/zone": "1"}), "nodeSelector has a key that Kubernetes does not take"
    ),
    "a toleration of nothing": Refused(
        document(tolerations=[{"effect": "NoSchedule"}]), "a toleration without a key is for every taint"
    ),
    "a toleration that ignores its value": Refused(
        document(tolerations=[{"key": "dedicated", "operator": "Exists", "value": "models"}]),
        "remove value, or set operator: Equal",
    ),
    "a time for a taint that evicts nobody": Refused(
        document(tolerations=[{"key": "dedicated", "operator": "Exists", "tolerationSeconds": 60}]),
        "set effect: NoExecute, or remove tolerationSeconds",
    ),
    "a node's label that is in nothing": Refused(
        with_node_term(matchExpressions=[{"key": "zone", "operator": "In"}]), "In and NotIn need one or more"
    ),
    "a node's label that exists with a value": Refused(
        with_node_term(matchExpressions=[{"key": "zone", "operator": "Exists", "values": ["a"]}]),
        "Exists and DoesNotExist none",
    ),
    "a node's label above two values": Refused(
        with_node_term(matchExpressions=[{"key": "memory", "operator": "Gt", "values": ["1", "2"]}]),
        "Gt and Lt one",
    ),
    "a node's field that cannot be compared": Refused(
        with_node_term(matchFields=[{"key": "spec.unschedulable", "operator": "In", "values": ["true"]}]),
        "matchFields compares the key metadata.name",
    ),
    "pods whose label is in nothing": Refused(
        with_term(labelSelector={"matchExpressions": [{"key": "app", "operator": "NotIn", "values": []}]}),
        "values belong to the operators In and NotIn",
    ),
    "keys that narrow no selector": Refused(
        with_term(matchLabelKeys=["pod-template-hash"]), "matchLabelKeys narrows labelSelector"
    ),
    "keys that narrow no selector by their absence": Refused(
        with_term(mismatchLabelKeys=["tenant"]), "mismatchLabelKeys narrows labelSelector"
    ),
    "spreading over a least number of zones, if possible": Refused(
        with_spread(minDomains=3), "minDomains works with whenUnsatisfiable: DoNotSchedule only"
    ),
    "a volume of two kinds": Refused(
        with_volume(emptyDir={}, hostPath={"path": "/data"}), "a volume has one kind of source"
    ),
    "a projection of two kinds": Refused(
        with_volume(projected={"sources": [{"configMap": {"name": "a"}, "secret": {"name": "b"}}]}),
        "a source of a projected volume has one kind",
    ),
    "a projection of no kind": Refused(
        with_volume(projected={"sources": [{}]}), "a source of a projected volume has one kind"
    ),
    "a file that shows nothing of the pod": Refused(
        with_volume(downwardAPI={"items": [{"path": "labels"}]}), "either fieldRef or resourceFieldRef"
    ),
    "a positional argument": Refused(with_args("other-model"), "engine.args starts with a flag"),
    "a flag and its value in one item": Refused(
        with_args("--max-logprobs 5"), "write --flag=value, or two items"
    ),
    "an end of flags": Refused(with_args("--seed", "1", "--"), "engine.args may not hold --"),
    "the operator's variable": Refused(with_env("VLLM_PLUGINS"), "the operator sets them"),
    "a variable of the serving layer": Refused(with_env("SIROCCO_SERVING_CONFIG"), "the operator sets them"),
    "a token in plain text": Refused(with_env("HF_TOKEN"), "put HF_TOKEN into a Secret"),
    "a collector's key in plain text": Refused(
        with_env("OTEL_EXPORTER_OTLP_HEADERS"), "name that in tracing.headersSecretName"
    ),
    "a collector's key in plain text for traces": Refused(
        with_env("OTEL_EXPORTER_OTLP_TRACES_HEADERS"), "name that in tracing.headersSecretName"
    ),
    "vLLM's developer mode": Refused(with_env("VLLM_SERVER_DEV_MODE"), "unguarded debug routes"),
    "a key in plain text": Refused(with_env("VLLM_API_KEY"), "guards only a part of the routes"),
    "a Python without its checks": Refused(with_env("PYTHONOPTIMIZE"), "may not set PYTHONOPTIMIZE"),
}

# Each owned flag by its name; and every way in which vLLM's parser takes one.
OWNED_FLAGS: dict[str, tuple[tuple[str, ...], str]] = {
    "--model": (("--model", "other/model"), "set model.uri instead"),
    "--revision": (("--revision", "v1"), "set model.revision instead"),
    "--hf-token": (("--hf-token", "secret"), "name that in model.secretName"),
    "--download-dir": (("--download-dir", "/data"), "the claim of cache.claimName"),
    "--served-model-name": (("--served-model-name", "other"), "set servedNames instead"),
    "--tensor-parallel-size": (("--tensor-parallel-size", "2"), "set tensorParallel instead"),
    "--max-model-len": (("--max-model-len", "4096"), "set engine.maxModelLen instead"),
    "--dtype": (("--dtype", "half"), "set engine.dtype instead"),
    "--quantization": (("--quantization", "awq"), "set engine.quantization instead"),
    "--kv-cache-dtype": (("--kv-cache-dtype", "fp8"), "set engine.kvCacheDtype instead"),
    "--gpu-memory-utilization": (
        ("--gpu-memory-utilization", "0.5"),
        "set engine.gpuMemoryUtilization instead",
    ),
    "its other name": (("--device-memory-utilization", "0.5"), "set engine.gpuMemoryUtilization instead"),
    "--max-num-seqs": (("--max-num-seqs", "8"), "set engine.maxNumSeqs instead"),
    "--max-num-batched-tokens": (
        ("--max-num-batched-tokens", "8192"),
        "set engine.maxNumBatchedTokens instead",
    ),
    "--enforce-eager": (("--enforce-eager",), "set engine.enforceEager instead"),
    "--trust-remote-code": (("--trust-remote-code",), "set engine.trustRemoteCode instead"),
    "--config": (("--config", "/data/vllm.yaml"), "write what the file says into engine's fields"),
    "--pipeline-parallel-size": (("--pipeline-parallel-size", "2"), "one pod with tensorParallel GPUs"),
    "--data-parallel-size": (("--data-parallel-size", "2"), "set replicas for more of them"),
    "--host": (("--host", "::"), "plain HTTP on port 8000"),
    "--port": (("--port", "9000"), "plain HTTP on port 8000"),
    "--uds": (("--uds", "/data/socket"), "plain HTTP on port 8000"),
    "--root-path": (("--root-path", "/x"), "plain HTTP on port 8000"),
    "--ssl-keyfile": (("--ssl-keyfile", "/data/key"), "plain HTTP on port 8000"),
    "--middleware": (("--middleware", "mine.Stack"), "decides which routes are open"),
    "--disable-fastapi-docs": (("--disable-fastapi-docs",), "decides which routes are open"),
    "--api-key": (("--api-key", "secret"), "a key on the command line"),
    "--shutdown-timeout": (("--shutdown-timeout", "1"), "finishes requests before the pod ends"),
    "--otlp-traces-endpoint": (
        ("--otlp-traces-endpoint", "http://collector:4317"),
        "set tracing.endpoint instead",
    ),
    "underscores": (("--served_model_name", "other"), "set servedNames instead"),
    "a value behind =": (("--max-model-len=4096",), "set engine.maxModelLen instead"),
    "a prefix": (("--served", "other"), "set servedNames instead"),
    "a prefix with underscores and =": (("--tensor_par=2",), "set tensorParallel instead"),
    "a dotted form": (("--middleware.x", "1"), "decides which routes are open"),
    "a dotted form that appends": (("--middleware+", "mine"), "decides which routes are open"),
    "a denial": (("--no-enforce-eager",), "set engine.enforceEager instead"),
    "a short form": (("-tp", "2"), "set tensorParallel instead"),
    "a short form with =": (("-tp=2",), "set tensorParallel instead"),
    "a short form's prefix": (("-t", "2"), "set tensorParallel instead"),
    "a letter with its value": (("-qawq",), "set engine.quantization instead"),
    "behind other flags": (("--seed", "1", "--port", "9000"), "plain HTTP on port 8000"),
}

REFUSED |= {
    f"flag: {how}": Refused(with_args(*args), sentence) for how, (args, sentence) in OWNED_FLAGS.items()
}

# What the structural schema refuses; the words are the API server's or ours.
MISFITS: dict[str, Document] = {
    "negative replicas": document(replicas=-1),
    "no GPU at all": document(tensorParallel=0),
    "an unknown device": document(device="tpu"),
    "autoscaling without an end": document(autoscaling={"minReplicas": 1}),
    "autoscaling to zero": document(autoscaling={"minReplicas": 0, "maxReplicas": 4}),
    "more replicas than fixed ones may be": document(autoscaling={"maxReplicas": 1001}),
    "a replica for no request": document(autoscaling={"maxReplicas": 2, "target": {"inFlightRequests": 0}}),
    "a wait of nothing": document(autoscaling={"maxReplicas": 2, "target": {"queueWaitSeconds": 0}}),
    "an empty KV cache": document(autoscaling={"maxReplicas": 2, "target": {"kvCacheUtilization": 0}}),
    "more than a KV cache": document(autoscaling={"maxReplicas": 2, "target": {"kvCacheUtilization": 80}}),
    "a target that does not exist": document(autoscaling={"maxReplicas": 2, "target": {"cpu": 80}}),
    "a policy without a period": document(
        autoscaling={
            "maxReplicas": 2,
            "behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 1}]}},
        }
    ),
    "a window of a day": document(
        autoscaling={"maxReplicas": 2, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 86400}}}
    ),
    "a startup of no time": document(startup={"budgetSeconds": 59}),
    "a startup of days": document(startup={"budgetSeconds": 86_401}),
    "a drain of less than nothing": document(drain={"timeoutSeconds": -1}),
    "a drain of days": document(drain={"timeoutSeconds": 86_401}),
    "a drain in words": document(drain={"timeoutSeconds": "10m"}),
    "a Service that is a name elsewhere": document(service={"type": "ExternalName"}),
    "a Service without an address": document(service={"type": "ClusterIP", "clusterIP": "None"}),
    "a budget's own count": document(podDisruptionBudget={"maxUnavailable": 2}),
    "no URI": with_model(revision="main"),
    "text for a number": document(engine={"maxModelLen": "4096"}),
    "no share of memory": document(engine={"gpuMemoryUtilization": 0}),
    "a served name twice": document(servedNames=["a", "a"]),
    "a variable twice": document(engine={"env": [{"name": "A"}, {"name": "A"}]}),
    "a mount path twice": document(
        volumes=[{"name": "a"}], volumeMounts=[{"name": "a", "mountPath": "/a"}] * 2
    ),
    "a volume without a name": document(volumes=[{"emptyDir": {}}]),
    "a misspelt affinity": document(affinity={"nodeAfinity": {}}),
    "a misspelt field deep in an affinity": with_node_term(matchExpresions=[]),
    "an affinity that is a list": document(affinity=[]),
    "a node selector without terms": document(
        affinity={
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}
        }
    ),
    "an operator that does not exist": with_node_term(matchExpressions=[{"key": "a", "operator": "Has"}]),
    "a label's key with a space": with_node_term(matchExpressions=[{"key": "a b", "operator": "Exists"}]),
    "a preference that weighs nothing": document(
        affinity={
            "nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 0, "preference": {}}]
            }
        }
    ),
    "pods without a topology": document(
        affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}}
    ),
    "spreading sometimes": with_spread(whenUnsatisfiable="Sometimes"),
    "spreading without a word on what to do otherwise": document(
        topologySpreadConstraints=[{"maxSkew": 1, "topologyKey": "zone"}]
    ),
    "spreading twice": document(
        topologySpreadConstraints=[
            {"maxSkew": skew, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"} for skew in (1, 2)
        ]
    ),
    "spreading unevenly by nothing": with_spread(maxSkew=0),
    "spreading beyond 32 bits": with_spread(maxSkew=2**31),
    "spreading by text": with_spread(maxSkew="1"),
    "a misspelt volume": with_volume(emptyDirectory={}),
    "a misspelt field of a volume": with_volume(configMap={"name": "a", "item": []}),
    "a ConfigMap without a name": with_volume(configMap={}),
    "a Secret by the wrong field": with_volume(secret={"name": "a"}),
    "a claim without a name": with_volume(persistentVolumeClaim={}),
    "a folder in an unknown memory": with_volume(emptyDir={"medium": "RAM"}),
    "a size that is none": with_volume(emptyDir={"sizeLimit": "10GB"}),
    "a file that steps out of its volume": with_volume(
        configMap={"name": "a", "items": [{"key": "a", "path": "b/../../c"}]}
    ),
    "a mode beyond permissions": with_volume(secret={"secretName": "a", "defaultMode": 512}),
    "a token for a minute": with_volume(
        projected={"sources": [{"serviceAccountToken": {"path": "token", "expirationSeconds": 60}}]}
    ),
    "a pod's field that no file can show": with_volume(
        downwardAPI={"items": [{"path": "a", "fieldRef": {"fieldPath": "status.podIP"}}]}
    ),
    "a claim of its own without a size": with_volume(
        ephemeral={"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}
    ),
    "a folder of a volume above it": document(
        volumes=[{"name": "data"}], volumeMounts=[{"name": "data", "mountPath": "/data", "subPath": "../a"}]
    ),
    "a taint's key that Kubernetes refuses": document(tolerations=[{"key": "a b", "operator": "Exists"}]),
    "an image with a space behind it": document(engine={"image": "registry/vllm:1 "}),
    "an image with a space that not everybody takes for one": document(
        engine={"image": "registry/vllm:1\xa0"}
    ),
    "a served name with an end of line": document(servedNames=["a\n"]),
    "a kind of GPU with a long name": document(gpuResource=f"example.com/{'a' * 64}"),
    "a kind of GPU of no domain": document(gpuResource="example..com/gpu"),
    "a quantity with a wrong unit": document(resources={"limits": {"memory": "16GB"}}),
    "a quantity that is a fraction": document(resources={"limits": {"cpu": 1.5}}),
    "a negative quantity": document(resources={"limits": {"cpu": -1}}),
    "root": document(podSecurityContext={"runAsUser": 0}),
    "an origin twice": document(access={"allowedOrigins": ["*", "*"]}),
    "a prompt rule twice": document(access={"deniedPatterns": [{"name": "a", "pattern": "b"}] * 2}),
    "a prompt rule without a pattern": document(access={"deniedPatterns": [{"name": "a"}]}),
    "a prompt rule whose name is a sentence": document(
        access={"deniedPatterns": [{"name": "no secrets", "pattern": "b"}]}
    ),
    "a Secret's name in capitals": document(access={"keysSecretName": "Keys"}),
    "no prompt at all": document(limits={"prompts": 0}),
    "a body without a byte": document(limits={"bodyBytes": 0}),
    "an answer without a token": document(limits={"newTokens": 0}),
    "no request at a time": document(limits={"inFlight": 0}),
    "a queue of less than none": document(limits={"queue": -1}),
    "a wait of a day": document(limits={"queueSeconds": 86400}),
    "a cache that keeps nothing": document(limits={"answerCache": {"bytes": 0}}),
    "a temperature below 0": document(engine={"generation": {"temperature": -0.1}}),
    "a temperature above 2": document(engine={"generation": {"temperature": 2.1}}),
    "no token to draw from": document(engine={"generation": {"topP": 0}}),
    "answers without a token": document(engine={"generation": {"maxTokens": 0}}),
    "a Secret's name for a collector that is none": document(
        tracing={"endpoint": "http://a:4317", "headersSecretName": "SigNoz"}
    ),
    "traces without a collector": document(tracing={"sampleRatio": 0.5}),
    "more than all requests traced": document(tracing={"endpoint": "http://a:4317", "sampleRatio": 1.1}),
    "an unknown field": document(replica=2),
    "an unknown field of a part": document(engine={"maxModelLength": 1}),
    "a privileged pod": document(podSecurityContext={"runAsNonRoot": False}),
    "an unknown field of the metadata": document() | {"metadata": {"name": "model", "lables": {}}},
    "no spec": {key: value for key, value in document().items() if key != "spec"},
    "a name in capitals": document("Mistral"),
}

_LABELS = {
    "matchLabels": {"app.kubernetes.io/name": "model"},
    "matchExpressions": [
        {"key": "tier", "operator": "In", "values": ["a", ""]},
        {"key": "team", "operator": "Exists"},
        {"key": "old", "operator": "DoesNotExist", "values": []},
    ],
}
_POD_TERM = {
    "topologyKey": "kubernetes.io/hostname",
    "labelSelector": _LABELS,
    "namespaceSelector": {},
    "namespaces": ["models"],
    "matchLabelKeys": ["pod-template-hash"],
    "mismatchLabelKeys": ["tenant"],
}
_POD_AFFINITY = {
    "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}],
    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": _POD_TERM}],
}
_NODE_TERM = {
    "matchExpressions": [
        {"key": "nvidia.com/gpu.product", "operator": "NotIn", "values": ["Tesla-T4"]},
        {"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": ["40000"]},
        {"key": "nvidia.com/mig.capable", "operator": "Exists"},
    ],
    "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-1.example.com"]}],
}
AFFINITY = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [_NODE_TERM]},
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": _NODE_TERM}],
    },
    "podAffinity": _POD_AFFINITY,
    "podAntiAffinity": _POD_AFFINITY,
}
SPREADING = [
    {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"},
    {
        "maxSkew": 2,
        "minDomains": 3,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": _LABELS,
        "nodeAffinityPolicy": "Honor",
        "nodeTaintsPolicy": "Ignore",
        "matchLabelKeys": ["pod-template-hash"],
    },
]
_FILES = [{"key": "a", "path": ".hidden/a..b", "mode": 0o400}]
_POD_FIELDS = [
    {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
    {"path": "name", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.annotations['a/b']"}},
    {"path": "cpu", "resourceFieldRef": {"containerName": "vllm", "resource": "limits.cpu", "divisor": "1m"}},
]
VOLUMES = [
    {"name": "nothing"},
    {"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
    {"name": "huge", "emptyDir": {"medium": "HugePages-2Mi", "sizeLimit": 1}},
    {"name": "settings", "configMap": {"name": "a", "items": _FILES, "defaultMode": 0o644, "optional": True}},
    {"name": "secret", "secret": {"secretName": "a", "items": _FILES, "defaultMode": 0}},
    {"name": "pod", "downwardAPI": {"items": _POD_FIELDS}},
    {
        "name": "all",
        "projected": {
            "defaultMode": 0o600,
            "sources": [
                {"configMap": {"name": "a"}},
                {"secret": {"name": "a", "optional": True}},
                {"downwardAPI": {"items": _POD_FIELDS}},
                {"serviceAccountToken": {"path": "token", "audience": "a", "expirationSeconds": 600}},
            ],
        },
    },
    {"name": "claim", "persistentVolumeClaim": {"claimName": "weights", "readOnly": True}},
    {
        "name": "own",
        "ephemeral": {
            "volumeClaimTemplate": {
                "metadata": {"labels": {"a": "b"}, "annotations": {"a": "b"}},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": "fast",
                    "volumeMode": "Filesystem",
                    "resources": {"requests": {"storage": "10Gi"}},
                    "selector": _LABELS,
                },
            }
        },
    },
    {"name": "image", "image": {"reference": "registry/a:1", "pullPolicy": "IfNotPresent"}},
    {"name": "share", "nfs": {"server": "nfs.example.com", "path": "/a", "readOnly": True}},
    {"name": "driver", "csi": {"driver": "a.example.com", "volumeAttributes": {"a": "b"}}},
    {"name": "node", "hostPath": {"path": "/data/..a", "type": ""}},
]

ACCEPTED: dict[str, Document] = {
    "the smallest": document(),
    "a name of 52 characters": document("m" * 52),
    "nulls": document(replicas=None, cache=None, engine=None, nodeSelector={"zone": None}),
    "a whole number with a point": document(drain={"timeoutSeconds": 60.0}),
    "a claim's root": with_model(uri="pvc://weights"),
    "a claim's folder": with_model(uri="pvc://weights/mistral/v0.3"),
    "an image with port, tag and digest": with_model(
        uri="oci://registry.example.com:5000/models/mistral:1@sha256:" + "0" * 64
    ),
    "a pull request of a repository": with_model(uri="hf://org/name", revision="refs/pr/3"),
    "a pinned and gated repository": with_model(uri="hf://org/name", revision="v1.0", secretName="hub"),
    "flags of the person's own": with_args(
        "--max-logprobs",
        "5",
        "--enable-lora",
        "--lora-modules",
        "a=x/y",
        "b=x/z",
        "-cc.mode=3",
        '--hf-overrides={"a": "--port 1"}',
        "--seed=-1",
        "-O3",
        "--model-impl",
        "vllm",
        "--config-format=hf",
    ),
    "whole numbers as quantities": document(resources={"requests": {"cpu": 4, "memory": "16Gi"}}),
    "resources that cannot be overcommitted": document(
        resources={
            "requests": {"example.com/nic": 1, "cpu": 1, "ephemeral-storage": "1Gi"},
            "limits": {"example.com/nic": "1", "hugepages-2Mi": "4Mi"},
        }
    ),
    "a GPU of another make": document(gpuResource="amd.com/gpu", tensorParallel=4),
    "a CPU": document(device="cpu", engine={"env": [{"name": "VLLM_CPU_KVCACHE_SPACE", "value": "1"}]}),
    "a volume of its own": with_mount("/data/.cache"),
    "a mount beside the operator's": with_mount("/models2"),
    "everything about access": document(
        access={
            "keysSecretName": "team.keys",
            "allowedOrigins": [
                "*",
                "http://localhost:65535",
                "https://chat.example.com",
                "chrome-extension://abcdef",
            ],
            "deniedPatterns": [{"name": "card-number", "pattern": r"(?<!\d)\d{16}(?!\d)"}],
        }
    ),
    "every limit": document(
        engine={"maxModelLen": 4096},
        limits={
            "bodyBytes": 1024,
            "prompts": 1,
            "promptTokens": 4000,
            "newTokens": 4095,
            "inFlight": 32,
            "queue": 0,
            "queueSeconds": 1,
            "answerCache": {"bytes": 1, "seconds": 1},
        },
    ),
    "shortest and longest times": document(startup={"budgetSeconds": 60}, drain={"timeoutSeconds": 0}),
    "times of a day": document(startup={"budgetSeconds": 86_400}, drain={"timeoutSeconds": 86_400}),
    "a claim as cache": document(cache={"claimName": "weights"}),
    "a cache in the pod": document(cache={"sizeLimit": "1.5Ti"}),
    "no disruption budget": document(replicas=2, podDisruptionBudget={"enabled": False}),
    "a load balancer inside a cloud": document(
        service={
            "type": "LoadBalancer",
            "annotations": {"service.beta.kubernetes.io/aws-load-balancer-scheme": "internal"},
            "labels": {"team": "search"},
        }
    ),
    "a port of each node": document(service={"type": "NodePort"}),
    "a cache of answers with its defaults": document(limits={"answerCache": {}}),
    "other sampling": document(engine={"generation": {"temperature": 0, "topP": 1, "maxTokens": 1}}),
    "replicas by load": document(autoscaling={"maxReplicas": 1}),
    "one replica beside autoscaling, which is the default": document(
        replicas=1, autoscaling={"maxReplicas": 4}
    ),
    "everything about autoscaling": document(
        autoscaling={
            "minReplicas": 1000,
            "maxReplicas": 1000,
            "target": {"inFlightRequests": 8, "queueWaitSeconds": 0.5, "kvCacheUtilization": 0.8},
            "behavior": {
                "scaleUp": {
                    "stabilizationWindowSeconds": 0,
                    "selectPolicy": "Min",
                    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
                },
                "scaleDown": {"selectPolicy": "Disabled"},
            },
        }
    ),
    "a traced model": document(tracing={"endpoint": "https://collector.example.com", "sampleRatio": 0}),
    "a collector that asks for a key": document(
        tracing={"endpoint": "https://ingest.eu.signoz.cloud:443", "headersSecretName": "signoz"}
    ),
    "everything for the pod": document(
        nodeSelector={"nvidia.com/gpu.product": "NVIDIA-H200"},
        tolerations=[
            {"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"},
            {"key": "example.com/gpu", "value": "a"},
            {"key": "", "operator": "Exists", "value": "", "effect": "NoExecute", "tolerationSeconds": 0},
        ],
        affinity=AFFINITY,
        topologySpreadConstraints=SPREADING,
        volumes=VOLUMES,
        priorityClassName="high",
        runtimeClassName="nvidia",
        serviceAccountName="mine",
        imagePullSecrets=[{"name": "registry"}],
        podSecurityContext={"runAsUser": 1000, "fsGroup": 1000, "seLinuxOptions": {"level": "s0"}},
        podLabels={"team": "a"},
        podAnnotations={"example.com/note": "x"},
    ),
    "stopped, in place, unmonitored": document(
        replicas=0, rollout={"strategy": "InPlace"}, monitoring={"enabled": False}
    ),
}
