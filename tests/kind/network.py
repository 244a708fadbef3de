"""The host's network as it was before dockerd: read it, and take dockerd's changes back."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import TypedDict

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
TABLES = ("filter", "nat")
_BRIDGE = re.compile(r"docker0|br-[0-9a-f]{12}")


class Network(TypedDict):
    """What dockerd changes without saying so."""

    forwarding: str
    forward_policy: str


def read() -> Network:
    """Read the state that dockerd will change."""
    policy = "ACCEPT"
    for rule in _iptables("filter", "-S", "FORWARD").splitlines():
        if rule.startswith("-P FORWARD "):
            policy = rule.split()[2]
    return {"forwarding": FORWARDING.read_text().strip(), "forward_policy": policy}


def restore(before: Network) -> None:
    """Remove dockerd's bridges, rules and chains, and set what it had changed back."""
    for path in Path("/sys/class/net").iterdir():
        if _BRIDGE.fullmatch(path.name):
            subprocess.run(["ip", "link", "delete", path.name], capture_output=True)
    for table in TABLES:
        rules = _iptables(table, "-S")
        for words in removals(rules):
            _iptables(table, *words)
    _iptables("filter", "-P", "FORWARD", before["forward_policy"])
    FORWARDING.write_text(before["forwarding"])


def removals(rules: str) -> list[list[str]]:
    """Return the iptables commands that take dockerd's rules and chains out of an `iptables -S` listing."""
    lines = [line.split() for line in rules.splitlines()]
    chains = [words[1] for words in lines if words[:1] == ["-N"] and words[1].startswith("DOCKER")]
    others = [words for words in lines if words[:1] == ["-A"] and words[1] not in chains]
    ours = [words for words in others if any(chain in words for chain in chains) or _is_bridge_rule(words)]
    commands = [["-D", *words[1:]] for words in ours]
    return commands + [["-F", chain] for chain in chains] + [["-X", chain] for chain in chains]


def _is_bridge_rule(words: list[str]) -> bool:
    return any(_BRIDGE.fullmatch(word) for word in words)


def _iptables(table: str, *arguments: str) -> str:
    if shutil.which("iptables") is None:
        return ""
    return subprocess.run(["iptables", "-w", "-t", table, *arguments], capture_output=True, text=True).stdout
