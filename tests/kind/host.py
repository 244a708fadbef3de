"""What is changed on the host: Docker's package and server, started where there is none and stopped again."""

import json
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.kind import docker, leftovers, network
from tests.kind.paths import CACHE, HERE, LOGS
from tests.kind.steps import (
    StepError,
    interpreter,
    is_root,
    log_tail,
    output_of,
    run_logged,
    say,
    step,
    wait_for,
)

DATA = CACHE / "docker"
STATE = CACHE / "host.json"
LOG = LOGS / "dockerd.log"
PACKAGES = ("docker.io", "debootstrap", "iptables", "ca-certificates", "pigz")
CAP_SYS_RESOURCE = 24  # linux/capability.h

INSTALL_DOCKER = (
    "Docker does not answer, and only root on Debian can have it set up from here. Install Docker Engine"
    " (https://docs.docker.com/engine/install/), start it and let your user call it (`docker info`)."
)


def capability_missing(process_status: str, capability: int) -> bool:
    """Say whether /proc/PID/status shows a capability bounding set without a capability."""
    for line in process_status.splitlines():
        if line.startswith("CapBnd:"):
            return not int(line.split()[1], 16) >> capability & 1
    return False


def ensure_docker() -> bool:
    """Have a Docker server that answers; return whether it was started just now. Raises StepError."""
    if docker.answers():
        docker.link_client()
        return False
    if not is_root() or os.environ.get("DOCKER_HOST") or shutil.which("apt-get") is None:
        raise StepError(INSTALL_DOCKER)
    say(
        "There is no Docker here. As root this will, until `make cluster-down`:\n"
        f"  - install the Debian packages {', '.join(PACKAGES)} where missing (they stay)\n"
        f"  - start dockerd with its data in {DATA} and its log in {LOG}\n"
        "  - let dockerd add its bridge and packet rules, and turn IPv4 forwarding on"
    )
    if shutil.which("dockerd") is None or shutil.which("debootstrap") is None:
        with step("install Docker"):
            install_packages()
        if docker.answers():
            docker.link_client()
            return True
    with step("start dockerd"):
        leftovers.clear(DATA)
        _start()
    docker.link_client()
    return True


def install_packages() -> None:
    """Install the host's packages with apt; raises StepError."""
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    advice = "Look at the machine's apt sources (`apt-get update`), then run this again."
    with suppress(StepError):
        # A broken source of somebody else's is no reason to stop: the install says what is missing.
        run_logged(["apt-get", "update"], "apt-update", advice=advice, env=environment)
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES]
    run_logged(command, "apt-install", advice=advice, env=environment)


def _start() -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    command = ["dockerd", "--data-root", str(DATA)]
    if capability_missing(Path("/proc/self/status").read_text(), CAP_SYS_RESOURCE):
        say("    this machine lacks CAP_SYS_RESOURCE: containers run through a wrapper that does without")
        command += ["--add-runtime", f"sirocco={_install_runtime()}", "--default-runtime", "sirocco"]
    # A dockerd that was killed has changed the network already: what it found then is what counts.
    before = json.loads(STATE.read_text())["network"] if STATE.exists() else network.read()
    with LOG.open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
        )
    STATE.write_text(json.dumps({"pid": process.pid, "network": before}))

    def ready_or_dead() -> bool:
        return process.poll() is not None or docker.answers()

    wait_for("dockerd to answer", ready_or_dead, 90, advice=f"See {LOG}.")
    if process.poll() is not None:
        raise StepError(f"dockerd ended with status {process.returncode}; {LOG} ends with:\n{log_tail(LOG)}")


def _install_runtime() -> Path:
    runtime = CACHE / "runtime"
    runtime.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "runc_wrapper.py", runtime / "runc_wrapper.py")
    runc = shutil.which("runc") or "/usr/sbin/runc"
    script = runtime / "runc"
    script.write_text(f'#!/bin/sh\nexec {interpreter()} -IS {runtime / "runc_wrapper.py"} {runc} "$@"\n')
    script.chmod(0o755)
    return script


def started_here() -> int | None:
    """Return the process id of the dockerd that was started from here and still runs."""
    if not STATE.exists():
        return None
    pid = int(json.loads(STATE.read_text())["pid"])
    return pid if leftovers.name_of(pid) == "dockerd" else None


def stop_docker() -> None:
    """Stop the dockerd that was started from here and undo its changes to the host's network."""
    if not STATE.exists():
        return
    pid = started_here()
    with step("stop dockerd"):
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            wait_for(
                "dockerd to end", lambda: _gone(pid), 60, advice=f"End process {pid} by hand, see {LOG}."
            )
        leftovers.clear(DATA)
        network.restore(json.loads(STATE.read_text())["network"])
        STATE.unlink()
    say(f"  stays: the Debian packages ({', '.join(PACKAGES)}) and the cache in {CACHE}")


def _gone(pid: int) -> bool:
    # Only a child of this very process can be a zombie here; reap it.
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return leftovers.name_of(pid) != "dockerd"


def debian_mirror(codename: str) -> str:
    """Return the mirror that the machine's own apt uses for a Debian release, else Debian's."""
    try:
        text = output_of(
            ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages"]
        )
    except StepError:
        text = ""
    for line in text.splitlines():
        uri, _, name = line.partition(" ")
        if name == codename:
            return uri
    return "http://deb.debian.org/debian"
