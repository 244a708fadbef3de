import pytest

from tests.kind.gomod import build_module

PUBLISHED = """module k8s.io/kubernetes

go 1.25.0

require (
	k8s.io/api v0.0.0
	k8s.io/gengo/v2 v2.0.0-20250604051438-85fd79dbfd9f
	k8s.io/klog/v2 v2.130.1
	github.com/other/thing v0.0.0-20240101000000-abcdefabcdef
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
)
"""


@pytest.fixture
def module() -> str:
    return build_module(PUBLISHED, "k8s.io/kubernetes", "v1.35.4", "v0.35.4")


def test_staging_folders_become_releases(module: str) -> None:
    assert "k8s.io/api => k8s.io/api v0.35.4\n" in module
    assert "staging" not in module


def test_exactly_the_placeholder_requirements_are_replaced(module: str) -> None:
    assert "\tk8s.io/api v0.35.4\n" in module
    assert "k8s.io/gengo/v2 v2.0.0-20250604051438-85fd79dbfd9f" in module
    assert "k8s.io/klog/v2 v2.130.1" in module
    assert "github.com/other/thing v0.0.0-20240101000000-abcdefabcdef" in module


def test_the_published_module_is_required_by_a_module_of_another_name(module: str) -> None:
    assert module.startswith("module sirocco.dev/build\n")
    assert module.endswith("require k8s.io/kubernetes v1.35.4\n")


def test_a_folder_of_the_programs_own_becomes_its_release() -> None:
    published = "module example.com/a\n\nreplace example.com/a/api => ./pkg/api\n"
    module = build_module(published, "example.com/a", "v1.2.3", "v1.2.3")
    assert "replace example.com/a/api => example.com/a/api v1.2.3\n" in module


def test_a_folder_outside_is_refused() -> None:
    odd = PUBLISHED.replace("./staging/src/k8s.io/api", "../api")
    with pytest.raises(ValueError, match="still points at a folder"):
        build_module(odd, "k8s.io/kubernetes", "v1.35.4", "v0.35.4")
