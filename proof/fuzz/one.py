"""Fuzzes one target until it is told to end, or something is found; the fuzzer then ends its process."""

import sys
from functools import cache
from importlib import import_module
from unittest.mock import patch

import atheris
from cryptography.hazmat.primitives import serialization


def main() -> None:
    """Import what is fuzzed with its coverage counted; the other arguments are libFuzzer's."""
    name, *options = sys.argv[1:]
    # To read a private key takes longer than all else, and senders have only a few.
    patch.object(serialization, "load_pem_private_key", cache(serialization.load_pem_private_key)).start()
    atheris.enabled_hooks.add("str")
    with atheris.instrument_imports(include=["functions", "jwt"]):
        target = import_module("proof.fuzz.targets").TARGETS[name]
        target(b"")  # some of it is imported only when it is needed
    atheris.Setup([sys.argv[0], *options], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
