"""The structural schemas of the types."""

import pytest
from pydantic import BaseModel, Field

from sirocco_operator.api.crd.schema import structural_schema

pytestmark = pytest.mark.unit


def test_a_string_without_a_bound_is_refused() -> None:
    class Unbounded(BaseModel):
        names: tuple[str, ...] = Field(default=(), max_length=2)

    with pytest.raises(ValueError, match=r"Unbounded\.names\[\]: give the string a max_length"):
        structural_schema(Unbounded)
