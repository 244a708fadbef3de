"""Flags of `vllm serve` that `engine.args` may not set, because a field or the operator itself sets them.

vLLM's parser accepts a flag in many spellings: `_` for `-`, any prefix that no other flag shares,
`--flag=value`, `--flag.key value`, `--no-flag`, and `-tp` or `-qawq`. The rules refuse each of them: they
normalise the flag's name as the parser does, and refuse every prefix of an owned flag.
Taken from vLLM 0.32: vllm/utils/argparse_utils.py and the options of `vllm serve`.
"""

from dataclasses import dataclass
from typing import Final

from sirocco_operator.api.crd.rules import Rule

# CEL for a flag without its value, as written and as vLLM's parser reads it.
_WRITTEN_FLAG: Final = "self.find('^--?[^=.+ ]*')"
_PARSED_FLAG: Final = f"{_WRITTEN_FLAG}.replace('_', '-').replace('--no-', '--')"


@dataclass(frozen=True)
class OwnedFlags:
    """Flags that belong together, and what to write instead."""

    names: tuple[str, ...]
    instead: str

    def rule(self) -> Rule:
        """The rule for one item of `engine.args`."""
        owned = f"[{', '.join(_quote(name) for name in self.names)}].exists(o, o.startsWith({_PARSED_FLAG}))"
        # argparse accepts the value of a one-letter flag in the same word: -qawq.
        for letter in (name for name in self.names if len(name) == 2):
            owned += f" || self.startsWith({_quote(letter)})"
        flags = ", ".join(self.names)
        sentence = f"({flags}, in any spelling): {self.instead}"
        return Rule(
            f"!self.matches('^-.') || !({owned})",
            f"engine.args may not set flags of the operator {sentence}",
            f"'engine.args may not set ' + {_WRITTEN_FLAG} + {_quote(' ' + sentence)}",
        )


def _quote(text: str) -> str:
    """The text as a CEL string; it must not hold a backslash."""
    return '"' + text.replace('"', '\\"') + '"'


def _field(field: str, *names: str) -> OwnedFlags:
    return OwnedFlags(names, f"set {field} instead")


OWNED_FLAGS: Final = (
    _field("model.uri", "--model"),
    _field("model.revision", "--revision"),
    OwnedFlags(("--hf-token",), "put it as HF_TOKEN into a Secret and name that in model.secretName"),
    OwnedFlags(("--download-dir",), "weights are kept in the pod, or in the claim of cache.claimName"),
    _field("servedNames", "--served-model-name"),
    _field("tensorParallel", "--tensor-parallel-size", "-tp"),
    _field("engine.maxModelLen", "--max-model-len"),
    _field("engine.dtype", "--dtype"),
    _field("engine.quantization", "--quantization", "-q"),
    _field("engine.kvCacheDtype", "--kv-cache-dtype"),
    _field("engine.gpuMemoryUtilization", "--gpu-memory-utilization", "--device-memory-utilization"),
    _field("engine.maxNumSeqs", "--max-num-seqs"),
    _field("engine.maxNumBatchedTokens", "--max-num-batched-tokens"),
    _field("engine.enforceEager", "--enforce-eager"),
    _field("engine.trustRemoteCode", "--trust-remote-code"),
    OwnedFlags(("--config",), "write what the file says into engine's fields and engine.args"),
    OwnedFlags(
        (
            "--pipeline-parallel-size",
            "-pp",
            "--prefill-context-parallel-size",
            "-pcp",
            "--nnodes",
            "-n",
            "--node-rank",
            "-r",
            "--master-addr",
            "--master-port",
            "--headless",
        ),
        "a model runs in one pod with tensorParallel GPUs; set tensorParallel",
    ),
    OwnedFlags(
        (
            "--data-parallel-size",
            "-dp",
            "--data-parallel-size-local",
            "-dpl",
            "--data-parallel-rank",
            "-dpn",
            "--data-parallel-start-rank",
            "-dpr",
            "--data-parallel-address",
            "-dpa",
            "--data-parallel-rpc-port",
            "-dpp",
            "--data-parallel-backend",
            "-dpb",
            "--data-parallel-hybrid-lb",
            "-dph",
            "--data-parallel-external-lb",
            "-dpe",
            "--data-parallel-multi-port-external-lb",
            "-dpm",
            "--data-parallel-supervisor-port",
            "--api-server-count",
            "-asc",
        ),
        "each pod runs one server; set replicas for more of them",
    ),
    OwnedFlags(
        (
            "--host",
            "--port",
            "--uds",
            "--grpc",
            "--grpc-port",
            "--root-path",
            "--ssl-keyfile",
            "--ssl-certfile",
            "--ssl-ca-certs",
            "--ssl-cert-reqs",
            "--ssl-ciphers",
            "--enable-ssl-refresh",
        ),
        "the Service and the probes rely on plain HTTP on port 8000; end TLS and paths in an ingress",
    ),
    OwnedFlags(
        ("--middleware", "--disable-fastapi-docs", "--enable-offline-docs", "--disable-uvicorn-access-log"),
        "the serving layer decides which routes are open",
    ),
    OwnedFlags(
        ("--api-key",), "a key on the command line is readable by everyone who may read pods; remove it"
    ),
    _field("tracing.endpoint", "--otlp-traces-endpoint"),
    OwnedFlags(("--shutdown-timeout",), "the serving layer finishes requests before the pod ends; remove it"),
)

# Rules for the whole list.
ARGUMENTS_RULES: Final = (
    Rule(
        "self.size() == 0 || self[0].matches('^-.')",
        "engine.args starts with a flag such as --max-logprobs: the model is model.uri, "
        "and `vllm serve` takes no other positional argument",
    ),
)

# Rules for each item.
ARGUMENT_RULES: Final = (
    Rule(
        "!self.matches('^--[^=]*[ \\t]')",
        "an item of engine.args holds a flag and its value with a space between: "
        "write --flag=value, or two items",
    ),
    Rule(
        "self != '--'",
        "engine.args may not hold --, after which everything is a positional argument: remove it",
    ),
    *(flags.rule() for flags in OWNED_FLAGS),
)
