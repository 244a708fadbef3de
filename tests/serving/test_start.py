"""How a server that cannot start says why, in the words that the pod's status is made from."""

from pathlib import Path

import pytest

from tests.kind import docker
from tests.kind.steps import StepError
from tests.serving.container import start

SERVING = "sirocco/serving-cpu:dev"


def test_a_wrong_settings_file_ends_the_start_with_the_field(model: Path, tmp_path: Path) -> None:
    with start(SERVING, model, tmp_path, '{"drain": {"settle_seconds": -1}}') as container:
        assert container.wait_until_ended(120) == 1
        last = container.logs().strip().splitlines()[-1]
    assert "sirocco serving: config: /etc/sirocco/serving.json is not valid: drain.settle_seconds" in last


def test_an_engines_death_leaves_its_cause_as_the_termination_message(model: Path, tmp_path: Path) -> None:
    log = tmp_path / "termination-log"
    log.touch()
    log.chmod(0o666)
    settings = tmp_path / "settings"
    settings.mkdir()
    mount = ["--volume", f"{log}:/dev/termination-log"]
    too_small = ["--num-gpu-blocks-override", "1"]
    with start(SERVING, model, settings, arguments=too_small, options=mount) as container:
        assert container.wait_until_ended(300) != 0
        assert "ValueError: No available memory for the cache blocks" in log.read_text(), container.logs()


def test_an_image_without_our_layer_says_so(images: None) -> None:
    command = ["run", "--rm", "--entrypoint", "python3", "sirocco/vllm-cpu:0.32.0"]
    with pytest.raises(StepError, match="No module named 'sirocco_serving'"):
        docker.docker(*command, "-m", "sirocco_serving.download")


def test_weights_are_fetched_under_a_pods_restrictions(images: None) -> None:
    command = ["run", "--rm", "--read-only", "--user", "54321:54321", "--cap-drop", "ALL"]
    command += ["--tmpfs", "/models:mode=1777", "--network", "none", "--entrypoint", "python3", SERVING]
    command += ["-m", "sirocco_serving.download", "--repository", "org/name"]
    with pytest.raises(StepError, match="sirocco download: no-network: hf://org/name at revision main"):
        docker.docker(*command, "--target", "/models/org--name--main", "--progress-port", "8001")
