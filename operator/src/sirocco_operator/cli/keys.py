"""`sirocco keys`: makes keys for the clients of a model, as entries of a Secret.

It needs no cluster. The Secret holds only a hash; the key itself is printed once, here.
"""

import argparse
import base64
import hashlib
import json
import re
import secrets
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import yaml

from sirocco_operator.api.pod import DNS_SUBDOMAIN
from sirocco_operator.cli.commands import Commands

PREFIX: Final = "sk-sirocco-"
# 256 bits cannot be guessed, so a plain hash of the key reveals nothing.
_KEY_BYTES: Final = 32
# Names that the serving layer accepts; a file of the mounted Secret has this name.
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_INTERNAL: Final = "internal"
# Names that `servedNames` accepts.
_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,255}")
_MAX_REQUESTS: Final = 10**9
_MAX_TOKENS: Final = 10**12
_DEFAULT_SECRET: Final = "model-keys"  # noqa: S105 - a Secret's name

_DESCRIPTION: Final = """\
Make a key for a client of a model, and the Secret's entry that lets it in.

Standard error has the key: it is shown once and kept nowhere. Standard output has the entry as a manifest, in
which there is only the key's SHA-256. Apply it server-side, with a field manager of the key's own: then the
Secret's other entries stay as they are. Running pods see the change within about a minute, without a restart.
To replace a key, make another of the same name; to revoke it, remove its entry."""
_EPILOG: Final = """\
examples:
  sirocco keys create alice -n models \\
    | kubectl apply --server-side --force-conflicts --field-manager=sirocco-key-alice -f -
  sirocco keys create ci --models mistral --requests-per-minute 60 --tokens-per-minute 20000 > ci.yaml
  kubectl patch secret model-keys -n models -p '{"data": {"alice": null}}'     # revokes alice's"""


def new_key() -> str:
    """A new random key."""
    return PREFIX + secrets.token_urlsafe(_KEY_BYTES)


def entry(
    key: str,
    models: Sequence[str] | None = None,
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
) -> str:
    """The text of a key's entry in the Secret; None means no limit."""
    fields = {
        "sha256": hashlib.sha256(key.encode()).hexdigest(),
        "models": models,
        "requestsPerMinute": requests_per_minute,
        "tokensPerMinute": tokens_per_minute,
    }
    return json.dumps({name: value for name, value in fields.items() if value is not None})


def manifest(name: str, text: str, secret: str, namespace: str | None) -> dict[str, Any]:
    """The Secret with this entry alone; without a namespace, kubectl uses its current one."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret, **({"namespace": namespace} if namespace else {})},
        "type": "Opaque",
        "data": {name: base64.b64encode(text.encode()).decode()},
    }


def create(options: argparse.Namespace) -> str:
    """Run `sirocco keys create`: returns the manifest and writes the key to standard error."""
    key = new_key()
    text = entry(key, options.models, options.requests_per_minute, options.tokens_per_minute)
    wanted = manifest(options.name, text, options.secret, options.namespace)
    # Forced, because another person may replace the key.
    command = (
        f"kubectl apply --server-side --force-conflicts --field-manager=sirocco-key-{options.name} -f FILE"
    )
    sys.stderr.write(
        f"The key of {options.name}, shown only here and now:\n\n  {key}\n\n"
        f"What is on standard output lets it in (FILE, or - in a pipe):\n\n  {command}\n\n"
        f"Models that ask for keys of this Secret have access.keysSecretName: {options.secret}\n"
    )
    return f"# {command}\n{yaml.safe_dump(wanted, sort_keys=False, width=100_000)}"


def add_parser(commands: Commands) -> None:
    """Add `keys` and its subcommands to the command line."""
    group = commands.add_parser("keys", help="make keys for the clients of models")
    creating = group.add_subparsers(required=True, metavar="COMMAND").add_parser(
        "create",
        help="make a key and the Secret's entry for it",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    creating.set_defaults(run=create)
    creating.add_argument(
        "name", metavar="NAME", type=_name, help="the key's name: logs and metrics say it instead of the key"
    )
    creating.add_argument(
        "--models",
        metavar="NAME[,NAME…]",
        type=_models,
        help="served names that the key may use (default: every model that takes keys of this Secret)",
    )
    creating.add_argument(
        "--requests-per-minute",
        metavar="N",
        type=_up_to(_MAX_REQUESTS),
        help="most requests a minute, in each pod (default: unlimited)",
    )
    creating.add_argument(
        "--tokens-per-minute",
        metavar="N",
        type=_up_to(_MAX_TOKENS),
        help="most tokens of prompts and answers a minute, in each pod (default: unlimited)",
    )
    creating.add_argument(
        "--secret",
        metavar="SECRET",
        type=_object_name,
        default=_DEFAULT_SECRET,
        help="the Secret that models name in access.keysSecretName (default: %(default)s)",
    )
    creating.add_argument(
        "-n",
        "--namespace",
        metavar="NAMESPACE",
        type=_object_name,
        help="the models' namespace (default: kubectl's current one)",
    )


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no key's name: use at most 63 letters, digits and ._-, "
            "with a letter or digit at both ends"
        )
    if text == _INTERNAL:
        raise argparse.ArgumentTypeError(f"{_INTERNAL} is the operator's own key: choose another name")
    return text


def _models(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if not _MODEL.fullmatch(name):
            raise argparse.ArgumentTypeError(
                f"{name!r} is no served name: write names as in servedNames, with commas between"
            )
    return names


def _object_name(text: str) -> str:
    if len(text) > 253 or not re.fullmatch(DNS_SUBDOMAIN, text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no name that Kubernetes takes: use lower-case letters, digits, - and ."
        )
    return text


def _up_to(most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r}: write a whole number from 1 to {most}")
        return int(text)

    return number
