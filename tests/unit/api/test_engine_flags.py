"""The flags that `engine.args` may not set."""

import re

import pytest

from sirocco_operator.api.engine import Engine
from sirocco_operator.api.engine_flags import OWNED_FLAGS
from sirocco_operator.api.v1alpha1 import InferenceModelSpec

pytestmark = pytest.mark.unit


def test_every_flag_that_a_field_sets_is_owned() -> None:
    fields = [*Engine.model_fields.values(), *InferenceModelSpec.model_fields.values()]
    set_by_fields = {
        flag for field in fields for flag in re.findall(r"\((--[a-z-]+)\)", field.description or "")
    }
    owned = {name for flags in OWNED_FLAGS for name in flags.names}
    assert len(set_by_fields) >= 9
    assert set_by_fields <= owned
