"""Where this machine is, seen from the cluster's pods."""

import json

from tests.kind.docker import docker


def host_address() -> str:
    """The IPv4 address of this machine in the network of the cluster's node."""
    (network,) = json.loads(docker("network", "inspect", "kind"))
    (gateway,) = (each["Gateway"] for each in network["IPAM"]["Config"] if "." in each.get("Gateway", ""))
    return str(gateway)
