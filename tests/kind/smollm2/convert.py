"""Convert the GGUF file below a folder to safetensors with its tokenizer: `convert.py FOLDER TARGET`."""

import sys
from pathlib import Path

import torch  # type: ignore[import-not-found]  # only in the image that runs this
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig  # type: ignore[import-not-found]


def main() -> None:
    """Write what vLLM serves, readable for any user."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    (gguf,) = source.rglob("*.gguf")
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    tokenizer.save_pretrained(target)
    model.save_pretrained(target)
    target.chmod(0o755)
    for path in target.iterdir():
        # The weights are written for their owner alone, the pod's user is somebody else.
        path.chmod(0o644)


if __name__ == "__main__":
    main()
