"""A Service of the cluster on a port of this machine, reached as pods reach it: by name, through kube-proxy.

`kubectl port-forward service/…` would not do: it picks one pod and goes past the Service.
"""

import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.e2e.client import Client


@contextmanager
def relayed(client: Client, host: str, port: int = 80) -> Iterator[str]:
    """The URL on this machine; the client's pod hands connections on until the end of the block."""
    kubectl, pod = client.kubectl, client.name
    relay = kubectl.command("exec", "--stdin", pod, "--", "python3", "/client/relay.py", host, str(port))
    with _running(relay, r"(\d+)") as listening:
        forward = kubectl.command("port-forward", f"pod/{pod}", f":{listening}")
        with _running(forward, r"Forwarding from 127\.0\.0\.1:(\d+)") as local:
            yield f"http://127.0.0.1:{local}"


@contextmanager
def _running(command: Sequence[str], first_line: str) -> Iterator[str]:
    """What the first line of a program tells, which runs until the end of the block."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    try:
        line = process.stdout.readline()
        found = re.match(first_line, line)
        assert found, f"{' '.join(command)}: {line}{process.communicate(timeout=10)[0]}"
        # It says more with each connection: unread, that would fill the pipe and stop it.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield found.group(1)
    finally:
        process.kill()
        process.wait()
