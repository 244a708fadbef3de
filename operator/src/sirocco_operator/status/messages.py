"""Builds the messages of a status: bounded, and without secrets."""

import re
from collections.abc import Sequence

# Long enough for two sentences and a quotation; Kubernetes itself allows 32,768.
MESSAGE_LIMIT = 1024
QUOTATION_LIMIT = 500
# Of what others write, more is not even looked at.
TEXT_LIMIT = 8192

MASK = "***"
# The prefixes of vLLM's log lines: process, then level, time and place, e.g.
# `(EngineCore pid=15) ERROR 11-23 20:42:07 [core.py:1510] `.
PREFIX = re.compile(r"^(\([\w.:/ -]*pid=\d+\) ?)?([A-Z]+ \d\d-\d\d \d\d:\d\d:\d\d (\[[^\]]+\] )?)?")
LEVEL = re.compile(r"^(\([\w.:/ -]*pid=\d+\) ?)?(ERROR|CRITICAL|FATAL)\b")
NOISE = re.compile(
    r"^\s|^Traceback |^During handling|^The above exception|resource_tracker|^For further information"
)
# How pydantic quotes the message of a refused setting.
REFUSED_SETTING = re.compile(r"^\s+Value error, (.+?)( \[type=value_error.*)?$")
EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt)(: |$)|: error: |^sirocco ")
POINTER = re.compile(r"See root cause above|See stack trace|validation errors? for")
SECRETS = (
    re.compile(r"\bhf_[A-Za-z0-9]{8,}"),  # Hugging Face
    re.compile(r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}"),  # OpenAI and its like
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),  # AWS access key id
    re.compile(r"\bgh[pousr]_[A-Za-z0-9]{16,}"),  # GitHub
    # JSON Web Token, with what it is glued to: begun at each eyJ, this would take quadratic time.
    re.compile(
        r"(?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]*eyJ[A-Za-z0-9_-]{8})[A-Za-z0-9_-]++\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
    ),
    re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(?i)(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"),  # user:password of a URL
    re.compile(
        r"(?i)(?<=signature=)[^\s&\"']+|(?<=token=)[^\s&\"']+|(?<=secret=)[^\s&\"']+|(?<=password=)[^\s&\"']+"
    ),
)


def message(cause: str, fix: str) -> str:
    """`cause: fix`, or the cause alone when there is nothing to do."""
    return bounded(f"{cause}: {fix}" if fix else cause, MESSAGE_LIMIT)


def quotation(text: str) -> str:
    """Quoted text on one line: masked, bounded, without a closing full stop or colon."""
    return bounded(" ".join(masked(text[:TEXT_LIMIT]).split()), QUOTATION_LIMIT).rstrip(".: ")


def masked(text: str) -> str:
    """The text with *** in place of tokens, keys and passwords."""
    for secret in SECRETS:
        text = secret.sub(MASK, text)
    return text


def bounded(text: str, limit: int) -> str:
    """The text in at most `limit` characters; an ellipsis marks a cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def enumerated(items: Sequence[str], limit: int) -> str:
    """The items as `a, b and c`, at most `limit` of them: `a, b and 3 more`."""
    named = list(items[:limit])
    if len(items) > limit:
        named.append(f"{len(items) - limit} more")
    return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


def byte_size(count: int) -> str:
    """A number of bytes in the decimal units of model hubs, e.g. `14.5 GB`."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} B"


def log_lines(text: str) -> list[str]:
    """The lines of a log without vLLM's prefixes."""
    bare = (PREFIX.sub("", line).rstrip() for line in text.splitlines())
    return [REFUSED_SETTING.sub(r"ValueError: \1", line) for line in bare if line]


def error_lines(text: str, limit: int) -> list[str]:
    """The last lines of a log that name an error, masked; the very last ones when none does."""
    lines = [(raw, PREFIX.sub("", raw).rstrip()) for raw in text.splitlines()]
    told = [
        (raw, line) for raw, line in lines if line and not NOISE.search(line) and not POINTER.search(line)
    ]
    errors = [line for raw, line in told if EXCEPTION.search(line) or LEVEL.match(raw)]
    # The same line comes from each process and each retry.
    kept = list(dict.fromkeys(errors or [line for _, line in told]))
    return [bounded(masked(line), QUOTATION_LIMIT) for line in kept[-limit:]]


def cause_line(text: str) -> str:
    """The last log line that names a cause rather than a place in the code; empty for an empty log."""
    lines = log_lines(text)
    for line in reversed(lines):
        if EXCEPTION.search(line) and not POINTER.search(line):
            return line
    without_noise = [line for line in lines if not NOISE.search(line)]
    return without_noise[-1] if without_noise else ""
