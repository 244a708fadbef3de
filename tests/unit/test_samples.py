"""The samples in manifests/, and the pods that they render to."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from sirocco_operator.api.validation import problems
from sirocco_operator.cli.render import render
from tests.unit.children.rendering import environment, mounts, volumes

pytestmark = pytest.mark.unit

MANIFESTS = Path(__file__).parents[2] / "manifests"
SAMPLES = sorted(
    path for path in MANIFESTS.glob("*.yaml") if "kind: InferenceModel" in path.read_text().splitlines()
)


def _child(sample: str, kind: str) -> dict[str, Any]:
    children = yaml.safe_load_all(render([str(MANIFESTS / f"{sample}.yaml")], None, []))
    found: dict[str, Any]
    (found,) = (child for child in children if child["kind"] == kind)
    return found


def _pod(sample: str) -> dict[str, Any]:
    pod: dict[str, Any] = _child(sample, "Deployment")["spec"]["template"]["spec"]
    return pod


def _scaling(sample: str) -> tuple[int, int, list[tuple[str, str]]]:
    """The fewest and the most replicas, and the figures with their targets."""
    spec = _child(sample, "HorizontalPodAutoscaler")["spec"]
    figures = [
        (metric["pods"]["metric"]["name"], metric["pods"]["target"]["averageValue"])
        for metric in spec["metrics"]
    ]
    return spec["minReplicas"], spec["maxReplicas"], figures


def _gpus(pod: dict[str, Any]) -> tuple[str, str]:
    resources = pod["containers"][0]["resources"]
    return resources["requests"]["nvidia.com/gpu"], resources["limits"]["nvidia.com/gpu"]


def _arguments(pod: dict[str, Any]) -> list[str]:
    arguments: list[str] = pod["containers"][0]["args"]
    return arguments


def test_the_samples_are_the_ones_tested_here() -> None:
    assert sorted(path.stem for path in SAMPLES) == [
        "autoscaled",
        "mistral",
        "mistral-autoscaled",
        "mistral-tensor-parallel",
        "mixtral-awq",
        "smollm2-cpu",
    ]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_api_server_accepts_every_sample(path: Path) -> None:
    assert problems(yaml.safe_load(path.read_text())) == []


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_that_names_a_secret_says_how_to_make_it(path: Path) -> None:
    secret = yaml.safe_load(path.read_text())["spec"]["model"].get("secretName")
    command = f"kubectl create secret generic {secret} --from-literal HF_TOKEN="
    assert secret is None or command in path.read_text()


def test_mistral_runs_on_one_gpu_and_fetches_with_a_token() -> None:
    pod = _pod("mistral")
    assert _gpus(pod) == ("1", "1")
    assert _arguments(pod)[0] == "/models/mistralai--Mistral-7B-Instruct-v0.3--main"
    assert pod["initContainers"][0]["envFrom"] == [{"secretRef": {"name": "hf-token"}}]


def test_mistral_is_the_smallest_model_possible() -> None:
    spec = yaml.safe_load((MANIFESTS / "mistral.yaml").read_text())["spec"]
    assert set(spec) == {"model"}


def test_mistral_over_two_gpus_shares_memory_between_them() -> None:
    pod = _pod("mistral-tensor-parallel")
    assert _gpus(pod) == ("2", "2")
    assert ("--tensor-parallel-size", "2") in pairwise(_arguments(pod))
    assert volumes(pod)["shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "8Gi"}


def test_mixtral_is_quantized_eager_and_takes_four_gpus_almost_whole() -> None:
    pod = _pod("mixtral-awq")
    assert _gpus(pod) == ("4", "4")
    arguments = _arguments(pod)
    assert ("--tensor-parallel-size", "4") in pairwise(arguments)
    assert ("--quantization", "awq") in pairwise(arguments)
    assert ("--gpu-memory-utilization", "0.95") in pairwise(arguments)
    assert "--enforce-eager" in arguments


def test_smollm2_runs_on_any_node_from_an_image() -> None:
    pod = _pod("smollm2-cpu")
    (container,) = pod["containers"]
    assert container["resources"] == {
        "requests": {"cpu": "250m", "memory": "2Gi"},
        "limits": {"memory": "6Gi"},
    }
    assert "initContainers" not in pod
    assert "tolerations" not in pod
    assert volumes(pod)["model"]["image"]["reference"] == "sirocco/smollm2-135m-instruct:1"
    assert mounts(container)["/model"]["readOnly"] is True
    assert ("--max-model-len", "2048") in pairwise(container["args"])
    assert "--enforce-eager" in container["args"]


def test_smollm2_keeps_its_cache_and_threads_small() -> None:
    variables = environment(_pod("smollm2-cpu")["containers"][0])
    assert variables["VLLM_CPU_KVCACHE_SPACE"] == "1"
    assert variables["OMP_NUM_THREADS"] == "2"
    assert variables["VLLM_CPU_OMP_THREADS_BIND"] == "nobind"


def test_the_autoscaled_sample_is_smollm2_with_one_to_three_replicas() -> None:
    assert _pod("autoscaled") == _pod("smollm2-cpu")
    assert _scaling("autoscaled") == (1, 3, [("sirocco_requests_in_flight", "4")])


def test_autoscaled_mistral_asks_for_replicas_before_its_batch_is_full() -> None:
    assert ("--max-num-seqs", "128") in pairwise(_arguments(_pod("mistral-autoscaled")))
    assert _scaling("mistral-autoscaled") == (
        1,
        8,
        [("sirocco_requests_in_flight", "64"), ("sirocco_queue_wait_seconds", "2")],
    )
