"""What a person reads of a model: `kubectl get`, `kubectl describe` and `sirocco explain` say the same."""

from typing import Any, Final

from tests.e2e import models, release
from tests.e2e.kubectl import Kubectl, Object
from tests.waiting import eventually

# Long enough for a state to be read while it lasts.
START_SECONDS: Final = {"name": "STANDIN_START_SECONDS", "value": "15"}


def told(kubectl: Kubectl, name: str, reason: str, deadline: float = 240) -> Object:
    """Wait until a model's status gives a reason; returns the model."""
    return kubectl.until(
        "imodel",
        name,
        lambda one: one if models.reason(one) == reason else None,
        f"told as {reason}",
        deadline,
    )


def read_everywhere(kubectl: Kubectl, name: str, model: Object) -> str:
    """Check that all three tell this model's reason, and what to do; returns the message."""
    reason, message = str(model["status"]["reason"]), models.message(model)
    assert reason in kubectl.run("get", "imodel", name)

    explained = " ".join(explain(kubectl, name).split())
    assert message in explained, explained
    assert "WHAT TO DO" in explained

    def described() -> bool:
        # The event of a new reason comes after the status.
        events = kubectl.run("describe", "imodel", name).partition("\nEvents:")[2]
        return reason in events

    eventually(described, 30, f"an event that tells {reason}", interval=1)
    return message


def explain(kubectl: Kubectl, name: str) -> str:
    """The screen of `sirocco explain`, with the operator's rights."""
    command = ["sirocco", "explain", name, "-n", kubectl.namespace]
    return Kubectl(release.NAMESPACE).run("exec", f"deployment/{release.OPERATOR}", "--", *command)


def conditions(model: Object) -> dict[str, Any]:
    """Each condition's status by its type."""
    return {one["type"]: one["status"] for one in model["status"]["conditions"]}


def stalls(history: list[Object]) -> list[str]:
    """The reasons with which a model was ever Stalled."""
    return [
        str(one["status"]["reason"])
        for one in history
        if one.get("status", {}).get("conditions") and conditions(one)["Stalled"] == "True"
    ]
