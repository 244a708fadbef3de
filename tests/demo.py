"""`make demo`: a cluster, the chart, one small resource, and a question that the model answers."""

import sys
import textwrap
import time
from typing import Any, Final

from tests.e2e import cluster, models, release
from tests.e2e.client import Client
from tests.e2e.diagnosis import diagnose
from tests.e2e.kubectl import Kubectl
from tests.kind.paths import BIN, REPOSITORY
from tests.kind.steps import StepError, say, step

NAMESPACE: Final = "default"
QUESTION: Final = "What is the capital of France?"
READY_SECONDS: Final = 900

NEXT: Final = """
The model goes on running. To go on yourself:

  export PATH={bin}:$PATH
  kubectl get imodel
  kubectl describe imodel {name}
  kubectl port-forward service/{name} 8080:80 &
  curl http://localhost:8080/v1/chat/completions -H 'Content-Type: application/json' \\
    -d '{{"model": "{served}", "messages": [{{"role": "user", "content": "{question}"}}], "temperature": 0}}'
  kubectl logs deployment/{name}
  kubectl delete -f {sample}
  make cluster-down
"""


def state(model: dict[str, Any]) -> str:
    """What the model's status says, on one line."""
    status = model.get("status") or {}
    return f"{status.get('reason', 'not seen by the operator yet')}: {status.get('message', '')}".rstrip(": ")


def wait_until_ready(kubectl: Kubectl, name: str) -> None:
    """Follow the model's status and print it whenever it changes."""
    started = time.monotonic()
    printed = ""

    def look(objects: dict[str, dict[str, Any]]) -> bool:
        nonlocal printed
        if name not in objects:
            return False
        if (text := state(objects[name])) != printed:
            printed = text
            lead = f"    {time.monotonic() - started:4.0f} s  "
            say(textwrap.fill(text, 110, initial_indent=lead, subsequent_indent=" " * len(lead)))
        return models.reason(objects[name]) == "Ready"

    with kubectl.watch("inferencemodels", name) as watch:
        watch.until(look, f"model {name} to be ready", READY_SECONDS)


def answer(kubectl: Kubectl, name: str, served: str) -> str:
    """Ask from a pod inside the cluster, through the Service."""
    client = Client(kubectl, "sirocco-demo", image=release.VALUES["serving"]["cpuImage"])
    client.start()
    try:
        return client.chat(name, QUESTION, served)
    finally:
        client.stop()


def demo() -> None:
    """All of it; safe to run again."""
    kubectl = Kubectl(NAMESPACE)
    model = models.sample()
    name = model["metadata"]["name"]
    served = (model["spec"].get("servedNames") or [name])[0]
    cluster.ensure("--demo")
    with step(f"helm upgrade --install {release.NAME} charts/sirocco"):
        release.Release().install()
        release.renew_stale_pods()
    with step(f"kubectl apply -f {models.SAMPLE.relative_to(REPOSITORY)}"):
        kubectl.run("apply", "--filename", str(models.SAMPLE))
        wait_until_ready(kubectl, name)
    say("\n" + kubectl.run("get", "imodel", name))
    with step("Ask through the Service, from a pod in the cluster"):
        text = answer(kubectl, name, served)
    say(f"\n  Question: {QUESTION}\n  Answer:   {text.strip()}")
    sample = models.SAMPLE.relative_to(REPOSITORY)
    say(NEXT.format(bin=BIN, name=name, served=served, question=QUESTION, sample=sample))


def main() -> int:
    """Run the demo; a failure ends with what to look at and its cause."""
    try:
        demo()
    except (cluster.ClusterError, StepError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except AssertionError as error:
        print(f"\n{diagnose([NAMESPACE, release.NAMESPACE])}\n\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; run `make demo` again to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
