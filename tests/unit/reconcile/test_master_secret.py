"""Internal keys are derived, so that they need not be read."""

import re

from sirocco_operator.controller.store import Key
from sirocco_operator.reconcile.master_secret import derive_internal_key

MASTER = bytes(range(32))


def test_a_key_is_always_the_same() -> None:
    # printf 'models/mistral/1-2' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102…1f -binary | base64
    assert (
        derive_internal_key(MASTER, Key("models", "mistral"), "1-2")
        == "fQ6N28sZDMjNuIqNTMnYPKcuuIfp7UKwBW0Zk72M63c"
    )


def test_each_model_and_each_master_key_has_keys_of_its_own() -> None:
    keys = {
        derive_internal_key(master, Key(namespace, name), uid)
        for master in (MASTER, bytes(32))
        for namespace in ("a", "b")
        for name in ("x", "y")
        for uid in ("1", "2")
    }
    assert len(keys) == 16


def test_a_key_has_256_bits() -> None:
    assert re.fullmatch("[A-Za-z0-9_-]{43}", derive_internal_key(MASTER, Key("a", "x"), "1"))
