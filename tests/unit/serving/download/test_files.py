"""Which files of a repository are fetched."""

from sirocco_serving.download.files import needed

SMALL = {
    "config.json": 1,
    "tokenizer.json": 2,
    "tokenizer.model": 3,
    "merges.txt": 4,
    "chat_template.jinja": 5,
}


def test_safetensors_are_preferred_to_other_weights() -> None:
    weights = {"model-00001-of-00002.safetensors": 10, "model-00002-of-00002.safetensors": 10}
    others = {"pytorch_model.bin": 20, "original/consolidated.00.pth": 20, "model.gguf": 9, "README.md": 1}
    assert needed(SMALL | weights | others) == SMALL | weights


def test_without_safetensors_the_next_format_is_taken() -> None:
    assert needed(SMALL | {"pytorch_model.bin": 20, "x.pth": 20}) == SMALL | {"pytorch_model.bin": 20}


def test_weights_that_repeat_others_are_left_out() -> None:
    both = {"model.safetensors": 10, "consolidated.safetensors": 10}
    assert needed(SMALL | both) == SMALL | {"model.safetensors": 10}


def test_consolidated_weights_alone_are_taken() -> None:
    alone = {"params.json": 1, "consolidated.safetensors": 10}
    assert needed(alone) == alone
