"""`sirocco render`, as a person uses it."""

import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from sirocco_operator.children.build import build_children
from sirocco_operator.cli.main import main
from sirocco_operator.kube.kinds import CHILD_KINDS
from sirocco_operator.settings import Settings
from tests.unit.children.rendering import a_model

pytestmark = pytest.mark.unit

MISTRAL = """\
apiVersion: inference.sirocco.dev/v1alpha1
kind: InferenceModel
metadata: {name: mistral}
spec: {model: {uri: hf://mistralai/Mistral-7B-Instruct-v0.3}}
"""
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: hf-token}\n"  # noqa: S105 - holds none


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SIROCCO_{name.upper()}", raising=False)


@pytest.fixture
def mistral(tmp_path: Path) -> str:
    return _write(tmp_path, "mistral.yaml", MISTRAL)


def _write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def _rendered(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    code = main(["render", *arguments])
    captured = capsys.readouterr()
    assert (code, captured.err) == (0, "")
    return list(yaml.safe_load_all(captured.out))


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    code = main(["render", *arguments])
    captured = capsys.readouterr()
    assert (code, captured.out) == (1, "")
    return captured.err.splitlines()


def test_what_is_printed_is_what_the_operator_builds(
    capsys: pytest.CaptureFixture[str], mistral: str
) -> None:
    printed = _rendered(capsys, "-f", mistral, "-n", "models", "--api-versions", "monitoring.coreos.com/v1")
    assert printed == list(build_children(a_model(uid=""), Settings(), CHILD_KINDS))


def test_nothing_printed_has_an_owner_as_none_exists_offline(
    capsys: pytest.CaptureFixture[str], mistral: str
) -> None:
    assert not [child for child in _rendered(capsys, "-f", mistral) if "ownerReferences" in child["metadata"]]


def test_a_service_monitor_is_printed_only_for_a_cluster_that_has_them(
    capsys: pytest.CaptureFixture[str], mistral: str
) -> None:
    kinds = [child["kind"] for child in _rendered(capsys, "-f", mistral)]
    assert kinds == ["ConfigMap", "ServiceAccount", "Service", "Deployment"]


def test_a_scaled_object_is_printed_for_an_operator_that_scales_through_keda(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write(tmp_path, "scaled.yaml", MISTRAL.replace("}}", "}, autoscaling: {maxReplicas: 4}}"))
    monkeypatch.setenv("SIROCCO_AUTOSCALING_PROVIDER", "keda")
    monkeypatch.setenv("SIROCCO_KEDA_PROMETHEUS_URL", "http://prometheus:9090")
    kinds = {child["kind"] for child in _rendered(capsys, "-f", path, "--api-versions", "keda.sh/v1alpha1")}
    assert "ScaledObject" in kinds
    assert "HorizontalPodAutoscaler" not in kinds


def test_all_documents_of_all_files_are_printed(
    capsys: pytest.CaptureFixture[str], mistral: str, tmp_path: Path
) -> None:
    two = "---\n".join(
        ["", MISTRAL.replace("name: mistral", "name: b"), MISTRAL.replace("name: mistral", "name: c")]
    )
    printed = _rendered(capsys, "-f", mistral, "-f", _write(tmp_path, "two.yaml", two))
    services = [child["metadata"]["name"] for child in printed if child["kind"] == "Service"]
    assert services == ["mistral", "b", "c"]


def test_standard_input_is_read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(MISTRAL))
    assert _rendered(capsys, "-f", "-")[0]["metadata"]["name"].startswith("mistral-serving-")


def test_objects_of_other_kinds_are_passed_over(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = _write(tmp_path, "both.yaml", f"{SECRET}---\n{MISTRAL}")
    assert "Secret" not in {child["kind"] for child in _rendered(capsys, "-f", path)}


def test_the_namespace_is_the_documents_then_the_one_given_then_default(
    capsys: pytest.CaptureFixture[str], mistral: str, tmp_path: Path
) -> None:
    own = MISTRAL.replace("{name: mistral}", "{name: mistral, namespace: own}")
    assert _rendered(capsys, "-f", mistral)[0]["metadata"]["namespace"] == "default"
    assert _rendered(capsys, "-f", mistral, "--namespace", "given")[0]["metadata"]["namespace"] == "given"
    assert _rendered(capsys, "-f", _write(tmp_path, "own.yaml", own))[0]["metadata"]["namespace"] == "own"


def test_two_different_namespaces_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = _write(tmp_path, "own.yaml", MISTRAL.replace("{name: mistral}", "{name: mistral, namespace: own}"))
    (line,) = _refused(capsys, "-f", path, "-n", "other")
    assert line == (
        f"sirocco: {path}: metadata.namespace: own is not --namespace other: "
        "leave one of them out, or make them the same"
    )


def test_images_come_from_the_operators_environment(
    capsys: pytest.CaptureFixture[str], mistral: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIROCCO_SERVING_IMAGE", "registry.example/serving:2")
    (deployment,) = (child for child in _rendered(capsys, "-f", mistral) if child["kind"] == "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "registry.example/serving:2"


def test_a_wrong_setting_is_named(
    capsys: pytest.CaptureFixture[str], mistral: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIROCCO_IMAGE_PULL_POLICY", "Sometimes")
    (line,) = _refused(capsys, "-f", mistral)
    assert line.startswith("sirocco: environment: SIROCCO_IMAGE_PULL_POLICY: ")
    assert "'IfNotPresent'" in line


def test_every_problem_is_reported_with_file_document_and_field(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    wrong = MISTRAL.replace("spec: {", "spec: {replica: 2, replicas: -1, ")
    path = _write(tmp_path, "models.yaml", f"{MISTRAL}---\n{wrong}")
    first, second = _refused(capsys, "-f", path)
    assert first.startswith(f"sirocco: {path}: document 2: spec.replica: unknown field")
    assert second.startswith(f"sirocco: {path}: document 2: spec.replicas: ")


def test_a_rule_of_the_crd_is_held_offline(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = _write(tmp_path, "dotted.yaml", MISTRAL.replace("name: mistral", "name: llama-3.1-8b"))
    (line,) = _refused(capsys, "-f", path)
    assert "llama-3-1-8b" in line


def test_a_file_without_a_model_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (line,) = _refused(capsys, "-f", _write(tmp_path, "secret.yaml", SECRET))
    assert "no InferenceModel in it: give a file with one" in line


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert _refused(capsys, "-f", "nowhere.yaml") == ["sirocco: nowhere.yaml: No such file or directory"]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("a: [", "not YAML: "),
        ("kind: a\nkind: b\n", "not YAML: kind is written twice: keep one"),
        ("- a\n", "not a Kubernetes object: "),
        ("name: mistral\n", "not a Kubernetes object: "),
    ],
    ids=["broken", "twice", "list", "no kind"],
)
def test_what_is_no_object_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, cause: str
) -> None:
    path = _write(tmp_path, "wrong.yaml", text)
    (line,) = _refused(capsys, "-f", path)
    assert line.startswith(f"sirocco: {path}: {cause}")


def test_a_file_that_is_no_text_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8 text" in _refused(capsys, "-f", str(path))[0]


def test_a_date_stays_the_text_that_the_api_server_reads(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    dated = MISTRAL.replace("v0.3}", "v0.3, revision: 2026-01-31}")
    (deployment,) = (
        child
        for child in _rendered(capsys, "-f", _write(tmp_path, "dated.yaml", dated))
        if child["kind"] == "Deployment"
    )
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments[0].endswith("--2026-01-31")


def test_help_is_enough_to_use_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["render", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for word in (
        "-f",
        "--namespace",
        "--api-versions",
        "sirocco render -f",
        "SIROCCO_SERVING_IMAGE",
        "exit code",
    ):
        assert word in text
