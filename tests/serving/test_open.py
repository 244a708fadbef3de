"""A model without keys, with the stand-in engine: open to everyone, but for vLLM's own routes."""

from collections.abc import Iterator

import pytest

from tests.serving.container import Container, start


@pytest.fixture(scope="module")
def standin(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    folder = tmp_path_factory.mktemp("settings")
    with start("sirocco/standin:dev", folder, folder) as container:
        container.wait_until_ready(60)
        yield container


@pytest.mark.parametrize("key", [None, "sk-sirocco-any"])
def test_without_keys_everyone_is_let_in(standin: Container, key: str | None) -> None:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    body = {"prompts": ["x"], "max_tokens": 1}
    assert standin.ask("POST", "/generate", body, headers=headers).status == 200
    assert standin.ask("GET", "/v1/models", headers=headers).status == 200
    assert standin.ask("GET", "/metrics", headers=headers).status == 200


def test_without_keys_vllms_own_routes_are_closed_to_everyone(standin: Container) -> None:
    assert standin.ask("POST", "/tokenize", {"prompt": "x"}).status == 404
