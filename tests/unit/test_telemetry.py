"""The operator's metrics of each model."""

import pytest

from sirocco_operator.controller.store import Key
from sirocco_operator.status.figures import ModelFigures
from sirocco_operator.telemetry import Telemetry

pytestmark = pytest.mark.unit

KEY = Key("team", "mistral")
FIGURES = ModelFigures(
    state="InsufficientGPU",
    ready=False,
    available=True,
    stalled=True,
    replicas=3,
    ready_replicas=1,
    gpus=4,
    restarts=2,
    scaling="NoMetrics",
)


def samples(telemetry: Telemetry) -> dict[str, float]:
    lines = [line for line in telemetry.exposition().decode().splitlines() if line.startswith("sirocco_")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_a_model_has_its_figures_by_namespace_and_name() -> None:
    telemetry = Telemetry()
    telemetry.record_model(KEY, FIGURES)
    prefix, of = "sirocco_operator_model_", 'model="mistral",namespace="team"'
    found = samples(telemetry)
    numbers = {
        name: found[f"{prefix}{name}{{{of}}}"]
        for name in (
            "ready",
            "available",
            "stalled",
            "replicas",
            "ready_replicas",
            "gpus",
            "container_restarts",
        )
    }
    assert numbers == {
        "ready": 0,
        "available": 1,
        "stalled": 1,
        "replicas": 3,
        "ready_replicas": 1,
        "gpus": 4,
        "container_restarts": 2,
    }
    assert found[f'{prefix}state{{{of},state="InsufficientGPU"}}'] == 1
    assert found[f'{prefix}scaling{{{of},state="NoMetrics"}}'] == 1
    assert found['sirocco_operator_objects{state="InsufficientGPU"}'] == 1


def test_a_model_that_is_gone_leaves_no_series() -> None:
    telemetry = Telemetry()
    telemetry.record_model(KEY, FIGURES)
    telemetry.record_model(KEY, None)
    assert not [name for name in samples(telemetry) if "mistral" in name or "objects{" in name]


def test_a_certificates_end_is_exposed_once_there_is_one() -> None:
    telemetry = Telemetry()
    name = "sirocco_operator_certificate_expiry_timestamp_seconds"
    assert name not in samples(telemetry)
    telemetry.track_certificate_expiry(lambda: 1_800_000_000.0)
    assert samples(telemetry)[name] == 1_800_000_000
