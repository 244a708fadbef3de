"""The bodies of `POST /generate` and `POST /generate/batch`."""

from typing import Any, Self, TypeVar

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from sirocco_serving.config import Settings
from sirocco_serving.engine.sampling import Sampling, Text
from sirocco_serving.errors.request_error import RequestError


class BatchRequest(Sampling):
    """Several prompts, answered together with texts alone."""

    prompts: list[Text] = Field(min_length=1)


class GenerateRequest(Sampling):
    """One prompt, streamed unless `stream` is false, or several prompts, answered together."""

    # What `_one_form` checks, as JSON Schema.
    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {
                    "required": ["prompt"],
                    "properties": {"prompt": {"type": "string"}, "prompts": {"type": "null"}},
                },
                {
                    "required": ["prompts"],
                    "properties": {
                        "prompts": {"type": "array"},
                        "prompt": {"type": "null"},
                        "stream": {"enum": [False, None]},
                    },
                },
            ]
        }
    )

    prompt: Text | None = None
    prompts: list[Text] | None = Field(default=None, min_length=1)
    stream: bool | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.prompt is None) == (self.prompts is None):
            raise PydanticCustomError(
                "form", "give either `prompt` (a string) or `prompts` (a list of strings)"
            )
        if self.prompts is not None and self.stream:
            raise PydanticCustomError("form", "`prompts` cannot be streamed: give one `prompt`")
        return self

    def streamed(self) -> bool:
        """Returns whether the answer is an event stream."""
        return self.prompt is not None and self.stream is not False

    def all_prompts(self) -> list[str]:
        """Returns the prompts in their order."""
        return self.prompts if self.prompts is not None else [self.prompt or ""]


Body = TypeVar("Body", BatchRequest, GenerateRequest)


def parse(form: type[Body], body: bytes | dict[str, Any], settings: Settings) -> Body:
    """Reads the body of a request, raw or parsed, and adds the defaults of the model.

    Raises RequestError: 400 for what is not JSON, 422 with the first wrong field and all problems.
    """
    try:
        request = form.model_validate_json(body) if isinstance(body, bytes) else form.model_validate(body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
    else:
        defaults = default_sampling(settings)
        missing = defaults.keys() - request.model_fields_set
        return request.model_copy(update={field: defaults[field] for field in missing})
    if problems[0]["type"] == "json_invalid":
        raise RequestError(400, "invalid_json", f"The body is not JSON: {problems[0]['msg']}")
    fields = [str(problem["loc"][0]) if problem["loc"] else None for problem in problems]
    sentences = "; ".join(
        f"{field}: {_sentence(form, problem['type'], problem['msg'])}" if field else problem["msg"]
        for field, problem in zip(fields, problems, strict=True)
    )
    raise RequestError(422, "invalid_value", sentences, param=fields[0] or "prompt")


def default_sampling(settings: Settings) -> dict[str, float | int]:
    """Returns the defaults of the model for fields that a request leaves out."""
    generation, most = settings.generation, settings.limits.new_tokens
    return {
        "temperature": generation.temperature,
        "top_p": generation.top_p,
        "max_tokens": generation.max_tokens if most is None else min(generation.max_tokens, most),
    }


def _sentence(form: type[Sampling], kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return f"unknown field; the fields are {', '.join(form.model_fields)}"
    return message
