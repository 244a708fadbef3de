"""Checks the headers that OpenTelemetry's exporters send to a collector."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

from sirocco_serving.errors.startup_error import StartupError

VARIABLES = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
# The format of https://opentelemetry.io/docs/specs/otel/protocol/exporter/, and what gRPC can send.
_HEADER = re.compile(r"[0-9A-Za-z_.-]+[ \t]*=(?P<value>[ !#-+\--:<-\[\]-~]*)")
_SENT = re.compile(r"[ -~]*")


def check_headers(environment: Mapping[str, str]) -> None:
    """Refuses headers that the exporters cannot read or send: they would print them in the log.

    Raises StartupError with the name of the variable, and without its value.
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
