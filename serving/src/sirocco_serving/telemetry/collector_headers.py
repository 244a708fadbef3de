"""The headers that a collector of traces asks for, as OpenTelemetry's exporters read them."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

from sirocco_serving.errors.startup_error import StartupError

VARIABLES = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
# What the exporters take, https://opentelemetry.io/docs/specs/otel/protocol/exporter/, and gRPC can send.
_HEADER = re.compile(r"[0-9A-Za-z_.-]+[ \t]*=(?P<value>[ !#-+\--:<-\[\]-~]*)")
_SENT = re.compile(r"[ -~]*")


def check_headers(environment: Mapping[str, str]) -> None:
    """Refuses headers that the exporters would print in the log when they cannot read or send them.

    Raises StartupError; it tells the variable, and nothing of what is in it.
    """
    for variable in VARIABLES:
        for part in filter(None, map(str.strip, environment.get(variable, "").split(","))):
            header = _HEADER.fullmatch(part)
            if header is None or not _SENT.fullmatch(unquote(header["value"])):
                raise StartupError(
                    "tracing",
                    f"{variable} is not NAME=VALUE with commas between: names have letters, digits, dots, - "
                    'and _, values printable ASCII; in them , ; " and \\ are written %2C %3B %22 and %5C',
                )
