from dataclasses import replace
from pathlib import Path

import pytest

from tests.kind import versions
from tests.kind.gobuild import built_name
from tests.kind.tool import Tool
from tests.kind.tools import GROUPS, KUBE, batches


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    return Tool(
        "thing", "example.org/thing", "example.org/thing", "v1.0.0", folder=tmp_path, links=("other",)
    )


def install(tool: Tool) -> None:
    for name in (tool.name, *tool.links):
        path = tool.folder / name
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    (tool.folder / ".stamps").mkdir()
    (tool.folder / ".stamps" / tool.name).write_text(tool.key())


def test_an_installed_tool_is_current(tool: Tool) -> None:
    install(tool)
    assert tool.is_current()


def test_another_version_makes_a_tool_stale(tool: Tool) -> None:
    install(tool)
    assert not replace(tool, version="v1.0.1").is_current()


def test_other_build_tags_make_a_tool_stale(tool: Tool) -> None:
    install(tool)
    assert not replace(tool, tags="no_btrfs").is_current()


def test_a_missing_link_makes_a_tool_stale(tool: Tool) -> None:
    install(tool)
    (tool.folder / "other").unlink()
    assert not tool.is_current()


def test_kubernetes_reports_its_version() -> None:
    assert f"-X k8s.io/component-base/version.gitVersion={KUBE.version}" in KUBE.ldflags()


def test_another_version_of_any_of_the_nodes_modules_makes_all_its_programs_stale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = KUBE.key()
    monkeypatch.setitem(versions.NODE_MODULES, "github.com/coredns/coredns", "v9.9.9")
    assert KUBE.key() != before


def test_the_nodes_programs_are_built_in_one_go() -> None:
    wanted = [*GROUPS["demo"], *GROUPS["node"], *GROUPS["cluster"]]
    assert [len(each) for each in batches(wanted)] == [1, 1, len(wanted) - 2]


def test_the_demo_takes_one_helm_and_no_other_tool_of_the_chart() -> None:
    assert [tool.name for tool in GROUPS["demo"]] == ["helm"]


def test_a_program_is_built_under_its_packages_name() -> None:
    assert {tool.name: built_name(tool) for tool in GROUPS["api"]} == {
        "kube": "kube",
        "etcd": "server",
        "kstatus": "kstatus",
    }


def test_another_version_of_a_second_module_makes_a_tool_stale(tool: Tool) -> None:
    assert replace(tool, beside="example.org/second v1.0.0").key() != tool.key()


def test_no_two_of_the_nodes_programs_are_built_under_one_name() -> None:
    names = [built_name(tool) for tool in GROUPS["node"]]
    assert len(names) == len(set(names))


def test_no_two_tools_share_a_path() -> None:
    tools = {tool.name: tool for group in GROUPS.values() for tool in group}.values()
    paths = [tool.folder / name for tool in tools for name in (tool.name, *tool.links)]
    assert len(paths) == len(set(paths))
