"""Many models that change all at once, again and again."""

from concurrent.futures import ThreadPoolExecutor

from tests.api.client import Client
from tests.api.models import DEADLINE, model, wait_child
from tests.waiting import eventually

MODELS = 40


def change_all(client: Client, namespace: str, rounds: int) -> None:
    """Change each of MODELS models `rounds` times; raises AssertionError when a change is lost."""
    names = [f"model-{number}" for number in range(MODELS)]

    def change(name: str, monitored: bool, replicas: int) -> None:
        # The first changes no child, whose events would make up for one that is lost.
        client.patch("InferenceModel", namespace, name, {"spec": {"monitoring": {"enabled": monitored}}})
        client.patch("InferenceModel", namespace, name, {"spec": {"replicas": replicas}})

    def missing(replicas: int) -> list[str]:
        found = client.objects("Deployment", namespace)
        return [each["metadata"]["name"] for each in found if each["spec"]["replicas"] != replicas]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: client.create(model(namespace, name)), names))
        for name in names:
            wait_child(client, "Deployment", namespace, name)
        for replicas in range(2, 2 + rounds):
            # So many at a time that news of one come after the answer to what is written of it.
            list(pool.map(lambda name: change(name, replicas % 2 == 0, replicas), names))  # noqa: B023
            eventually(
                lambda: not missing(replicas),  # noqa: B023
                DEADLINE,
                lambda: f"{replicas} replicas of {missing(replicas)}",  # noqa: B023
                0.1,
            )
