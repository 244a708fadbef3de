"""What a program does with a model in its own process; run in the serving image, prints what came as JSON."""

import json
import sys
from itertools import islice
from typing import Any

from sirocco_serving.local import VLLMClient

FRANCE = [{"role": "user", "content": "What is the capital of France?"}]
ITALY = [{"role": "user", "content": "What is the capital of Italy?"}]


def refused(client: VLLMClient) -> str:
    """What the client says of a prompt that is longer than the model takes."""
    try:
        client.completion("Paris " * 1000)
    except ValueError as error:
        return str(error)
    return ""


def main() -> None:
    """Asks for everything once, of one engine."""
    # The executor only makes the start quicker.
    quick: dict[str, Any] = {"enforce_eager": True, "distributed_executor_backend": "uni"}
    with VLLMClient(sys.argv[1], tensor_parallel_size=1, max_model_len=512, **quick) as client:
        answers = {
            "chat": client.chat_completion(FRANCE, 0, 12),
            "chats": client.chat_completions([FRANCE, ITALY], 0, 12),
            "chat_stream": list(client.stream_chat_completion(FRANCE, 0, 12)),
            "completion": client.completion("The capital of France is", 0, 8),
            "completions": client.completion(["The capital of France is", "One, two,"], 0, 8),
            "stream": list(client.stream_completion("The capital of France is", 0, 8)),
            "left_stream": list(islice(client.stream_completion("Count: 1 2 3", 0, 400), 2)),
            "after": client.completion("The capital of France is", 0, 8),
            "seeded": client.completion(["A story:"] * 2, max_tokens=12, seed=7),
            "stopped": client.chat_completion(FRANCE, 0, 12, stop=["Paris"]),
            "refused": refused(client),
        }
    print("ANSWERS", json.dumps(answers), flush=True)  # noqa: T201


# vLLM starts its engine as a process that imports this file again.
if __name__ == "__main__":
    main()
