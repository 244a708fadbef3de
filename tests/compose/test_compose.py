"""`docker compose up`: the server of a cluster, on one machine."""

import json
from pathlib import Path

from openai import OpenAI

from tests.compose.conftest import KEY, TOKEN, entry
from tests.compose.stack import Stack, write_variables
from tests.kind import docker
from tests.waiting import eventually

# Variables and command lines of the first process and of those that it started; probes are others.
PROCESSES = """
from pathlib import Path
parents = {}
for folder in Path("/proc").glob("[0-9]*"):
    try:
        parents[folder.name] = folder.joinpath("stat").read_text().rpartition(")")[2].split()[1]
    except OSError:
        pass
for process in parents:
    ancestor = process
    while ancestor not in ("0", "1"):
        ancestor = parents.get(ancestor, "0")
    if ancestor == "1":
        for name in ("environ", "cmdline"):
            print(process, Path("/proc", process, name).read_bytes())
"""


def test_openai_clients_are_answered_with_a_key(stack: Stack) -> None:
    client = OpenAI(base_url=f"http://{stack.address()}/v1", api_key=KEY, timeout=120)
    answer = client.chat.completions.create(
        model="smollm2",
        messages=[{"role": "user", "content": "What is the capital of France?"}],
        temperature=0,
        max_tokens=12,
    )
    assert "Paris" in (answer.choices[0].message.content or "")


def test_keys_and_limits_are_those_of_the_settings_folder(stack: Stack) -> None:
    body = {"prompts": ["Hello"], "max_tokens": 1001}
    status, refused = stack.ask("POST", "/generate", body)
    assert (status, refused["error"]["code"]) == (401, "invalid_api_key")
    status, refused = stack.ask("POST", "/generate", body, KEY)
    assert (status, refused["error"]["code"]) == (422, "limit_exceeded")


def test_a_new_key_holds_without_a_restart(stack: Stack, settings: Path) -> None:
    key = "sk-sirocco-added-later"
    assert stack.ask("GET", "/v1/models", key=key)[0] == 401
    (settings / "keys" / "bob").write_text(entry(key))
    eventually(lambda: stack.ask("GET", "/v1/models", key=key)[0] == 200, 30, "the new key to hold")


def test_the_variables_reach_vllm(stack: Stack) -> None:
    (model,) = stack.ask("GET", "/v1/models", key=KEY)[1]["data"]
    assert (model["id"], model["max_model_len"], model["root"]) == ("smollm2", 2048, "/models")


def test_the_container_is_as_strict_as_a_pod(stack: Stack) -> None:
    found = stack.inspect()
    host = found["HostConfig"]
    assert (found["Config"]["User"], host["ReadonlyRootfs"], host["Privileged"]) == ("10001:0", True, False)
    assert (host["CapDrop"], host["CapAdd"]) == (["ALL"], None)
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert [mount["Destination"] for mount in found["Mounts"] if mount["RW"]] == ["/models"]
    assert found["State"]["Health"]["Status"] == "healthy"


def test_the_token_is_in_no_process_and_no_log(stack: Stack) -> None:
    assert TOKEN in json.dumps(stack.inspect()["Config"]["Env"])
    done = stack.compose("exec", "--no-TTY", "model", "python3", "-IS", "-c", PROCESSES)
    assert done.stdout.count("HF_HUB_OFFLINE") >= 2, done.stdout + done.stderr
    assert TOKEN not in done.stdout
    assert TOKEN not in stack.logs() + docker.docker("top", stack.container(), "-ef")


def test_a_wrong_value_ends_with_status_2_and_the_variables_name(
    stack: Stack, variables: dict[str, str], tmp_path: Path
) -> None:
    wrong = write_variables(tmp_path / ".env", variables | {"GPU_MEMORY_UTILIZATION": "90%"})
    project = Stack(f"{stack.name}-wrong", wrong)
    try:
        done = project.compose("run", "--rm", "--no-TTY", "model")
    finally:
        project.down()
    assert done.returncode == 2
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "sirocco" in line and ":" in line]
    assert lines[-1] == (
        "sirocco launch: GPU_MEMORY_UTILIZATION: must be a share of each GPU's memory, above 0 to 1, e.g. 0.9"
    )


def test_a_hub_that_does_not_answer_is_told_of(
    stack: Stack, variables: dict[str, str], tmp_path: Path
) -> None:
    hub = {"MODEL_ID": "org/name", "HF_ENDPOINT": "http://127.0.0.1:9"}
    project = Stack(f"{stack.name}-hub", write_variables(tmp_path / ".env", variables | hub))
    try:
        done = project.compose("run", "--rm", "--no-TTY", "model")
    finally:
        project.down()
    # The volume of the weights was made and could be written: the lock in it comes first.
    told = "sirocco launch: MODEL_ID: the hub does not answer: give the container a way to it, or a mirror in"
    assert told in done.stdout + done.stderr
    assert TOKEN not in done.stdout + done.stderr
    assert done.returncode == 1


def test_gpus_are_reserved_unless_the_file_for_cpus_is_named(
    variables: dict[str, str], tmp_path: Path
) -> None:
    project = Stack("sirocco-config", write_variables(tmp_path / ".env", variables))
    (device,) = project.config("compose.yaml")["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert "deploy" not in project.config("compose.yaml", "compose.cpu.yaml")
