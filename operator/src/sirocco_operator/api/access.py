"""Who may use a model, from which web pages, and with which prompts."""

from typing import Annotated, Final

import regex
from pydantic import AfterValidator, Field

from sirocco_operator.api.base import ApiModel
from sirocco_operator.api.crd.rules import PORT_NUMBER, UNIQUE, Rule, map_keyed_by, with_rules
from sirocco_operator.api.pod import DNS_SUBDOMAIN

_ORIGIN: Final = f"^[a-z][a-z0-9+.-]*://[a-z0-9]([a-z0-9._-]*[a-z0-9])?(:({PORT_NUMBER}))?$"

Origin = Annotated[str, Field(min_length=1, max_length=256)]


def _valid_expression(pattern: str) -> str:
    try:
        regex.compile(pattern)
    except regex.error as error:
        # CEL has another dialect, so the status reports this and `kubectl apply` cannot.
        raise ValueError(f"is not a regular expression of Python's module regex: {error}") from None
    except RecursionError:
        raise ValueError("is nested too deeply: write it with fewer groups inside one another") from None
    return pattern


class DeniedPattern(ApiModel):
    """A rule of the prompt filter."""

    name: str = Field(
        min_length=1,
        max_length=63,
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
        description="What errors and metrics call the rule.",
    )
    pattern: Annotated[str, AfterValidator(_valid_expression)] = Field(
        min_length=1,
        max_length=1024,
        description="Regular expression of Python's module regex. A prompt in which it is found is refused.",
    )


class Access(ApiModel):
    """Who may use the model, and what for."""

    keys_secret_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        pattern=DNS_SUBDOMAIN,
        description="Secret with an entry for each key, as `sirocco keys create` writes them; "
        "changes need no restart. Without it, whoever reaches the Service may use the model.",
    )
    allowed_origins: tuple[Origin, ...] = Field(
        default=(),
        max_length=64,
        description="Origins whose web pages may call the model (CORS), * for all.",
        json_schema_extra=with_rules(
            Rule(
                f"self.all(o, o == '*' || o.matches('{_ORIGIN}'))",
                "access.allowedOrigins holds origins as browsers send them, in lower case, without a path: "
                "write e.g. https://chat.example.com or http://localhost:3000, or * for all",
            ),
            **UNIQUE,
        ),
    )
    denied_patterns: tuple[DeniedPattern, ...] = Field(
        default=(),
        max_length=64,
        description="What no prompt may hold.",
        json_schema_extra=map_keyed_by("name"),
    )
