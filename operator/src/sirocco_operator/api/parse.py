"""Turns a raw API object into a typed resource."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from sirocco_operator.api.model_source import parse_uri
from sirocco_operator.api.v1alpha1 import InferenceModel


class InvalidResource(ValueError):  # noqa: N818 -- named like the reason InvalidSpec
    """An object that does not fit the types; its message names every problem as `field: cause`."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def parse(raw: Mapping[str, Any]) -> InferenceModel:
    """Parse a raw InferenceModel: its spec, and the name, namespace, uid and generation of its metadata.

    Raises InvalidResource when something does not fit, e.g. in an object stored under an older CRD.
    """
    metadata = raw.get("metadata")
    read = {
        "metadata": {
            key: metadata[key]
            for key in ("name", "namespace", "uid", "generation", "annotations")
            if key in metadata
        }
        if isinstance(metadata, Mapping)
        else {},
        "spec": _without_nulls(raw.get("spec", {})),
    }
    try:
        model = InferenceModel.model_validate(read)
    except ValidationError as error:
        raise InvalidResource(_sentences(error)) from error
    try:
        parse_uri(model.spec.model.uri, model.spec.model.revision)
    except ValueError as error:
        raise InvalidResource((f"spec.model: {error}",)) from error
    return model


def _without_nulls(value: Any) -> Any:
    """The value without null fields, which count as not given, as in the API server."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(child) for key, child in value.items() if child is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _sentences(error: ValidationError) -> tuple[str, ...]:
    return tuple(f"{_path(detail['loc'])}: {_lowered(detail['msg'])}" for detail in error.errors())


def _lowered(message: str) -> str:
    """Pydantic's message as it goes on after a colon."""
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _path(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
