"""Raw objects become typed resources."""

from typing import Any

import pytest

from sirocco_operator.api.parse import InvalidResource, parse

pytestmark = pytest.mark.unit


def _raw(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "inference.sirocco.dev/v1alpha1",
        "metadata": {
            "name": "model",
            "namespace": "default",
            "uid": "u",
            "generation": 3,
            "managedFields": [],
        },
        "spec": {"model": {"uri": "hf://org/name"}, **spec},
        "status": {"replicas": 1},
    }


def test_metadata_and_spec_are_read_and_the_rest_left_alone() -> None:
    model = parse(_raw(tensorParallel=2))
    assert (model.metadata.uid, model.metadata.generation, model.spec.tensor_parallel) == ("u", 3, 2)


def test_every_problem_is_reported() -> None:
    with pytest.raises(InvalidResource) as refused:
        parse(_raw(replicas=-1, tensorParallel="two"))
    assert [problem.partition(":")[0] for problem in refused.value.problems] == [
        "spec.tensorParallel",
        "spec.replicas",
    ]


def test_an_unknown_scheme_is_invalid() -> None:
    with pytest.raises(InvalidResource, match=r"spec\.model: model\.uri must start with"):
        parse(_raw(model={"uri": "s3://bucket"}))


def test_an_object_without_spec_is_invalid() -> None:
    with pytest.raises(InvalidResource, match=r"spec\.model"):
        parse({"metadata": {"name": "model", "namespace": "default"}})


def test_whole_numbers_are_quantities() -> None:
    assert parse(_raw(resources={"limits": {"cpu": 2}})).spec.resources.limits == {"cpu": "2"}


def test_null_counts_as_not_given() -> None:
    assert parse(_raw(replicas=None)).spec.replicas == 1


def test_a_pattern_that_python_cannot_read_is_refused_before_a_pod_starts_with_it() -> None:
    rules = [{"name": "card", "pattern": "[0-9"}]
    with pytest.raises(InvalidResource, match=r"pattern: is not .*unterminated character set"):
        parse(_raw(access={"deniedPatterns": rules}))


def test_a_pattern_that_is_nested_too_deeply_to_read_is_refused() -> None:
    rules = [{"name": "deep", "pattern": f"{'(' * 400}a{')' * 400}"}]
    with pytest.raises(InvalidResource, match=r"deniedPatterns\[0\]\.pattern: .*nested too deeply"):
        parse(_raw(access={"deniedPatterns": rules}))
