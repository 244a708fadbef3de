from pathlib import Path

import pytest

from tests.kind.runc_wrapper import edited_file, without_capability

SETS = {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE"], "effective": ["CAP_SYS_RESOURCE"], "ambient": []}
LEFT = {"bounding": ["CAP_CHOWN"], "effective": [], "ambient": []}


def test_a_container_loses_the_capability_in_every_set() -> None:
    config = {"ociVersion": "1.0.2", "process": {"args": ["sh"], "capabilities": SETS}}
    edited = without_capability(config, "CAP_SYS_RESOURCE")
    assert edited == {"ociVersion": "1.0.2", "process": {"args": ["sh"], "capabilities": LEFT}}


def test_an_exec_loses_the_capability_too() -> None:
    process = {"args": ["sh"], "capabilities": SETS}
    assert without_capability(process, "CAP_SYS_RESOURCE")["capabilities"] == LEFT


def test_a_process_without_capabilities_stays_as_it_is() -> None:
    assert without_capability({"process": {"args": ["sh"]}}, "CAP_SYS_RESOURCE") == {
        "process": {"args": ["sh"]}
    }


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("--root /r --log /l create --bundle /b --pid-file /p ID", "/b/config.json"),
        ("run -b /b ID", "/b/config.json"),
        ("create --bundle=/b ID", "/b/config.json"),
        ("create ID", "config.json"),
        ("--root /r exec --process /p/process --detach ID", "/p/process"),
        ("exec -p /p/process ID", "/p/process"),
    ],
)
def test_the_file_is_the_one_that_the_command_reads(command: str, file: str) -> None:
    assert edited_file(command.split()) == Path(file)


@pytest.mark.parametrize("command", ["--root /r start ID", "kill --all ID 9", "delete ID", "exec ID sh"])
def test_commands_that_take_no_file_are_left_alone(command: str) -> None:
    assert edited_file(command.split()) is None
