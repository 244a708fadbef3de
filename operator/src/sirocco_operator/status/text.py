"""Text that goes into a status: bounded, and without secrets."""

import re

MASK = "***"
SECRETS = (
    re.compile(r"\bhf_[A-Za-z0-9]{8,}"),  # Hugging Face
    re.compile(r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}"),  # OpenAI and its like
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),  # AWS access key id
    re.compile(r"\bgh[pousr]_[A-Za-z0-9]{16,}"),  # GitHub
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),  # JSON Web Token
    re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(?i)(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"),  # user:password of a URL
    re.compile(
        r"(?i)(?<=signature=)[^\s&\"']+|(?<=token=)[^\s&\"']+|(?<=secret=)[^\s&\"']+|(?<=password=)[^\s&\"']+"
    ),
)


def masked(text: str) -> str:
    """The text with tokens, keys and passwords replaced by ***."""
    for secret in SECRETS:
        text = secret.sub(MASK, text)
    return text


def bounded(text: str, limit: int) -> str:
    """The text in at most `limit` characters; a cut is marked by an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def size(count: int) -> str:
    """Bytes in the decimal units that model hubs use, e.g. `14.5 GB`."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} B"
