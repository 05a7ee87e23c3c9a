"""Reads signed tokens. PyJWT and cryptography are loaded only where a source needs them."""

import json
import re
import warnings
from functools import cache
from typing import Any

from ..bodies import read_json
from ..errors import Failed, Unproved

TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
TIME = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)


def payload_of(token: str, key: Any, algorithms: list[str]) -> bytes:
    """What a token says, once its signature holds by one of the algorithms; Unproved if it wants what we don't know."""
    import jwt

    _hush()
    try:
        found = jwt.api_jws.decode_complete(token, key, algorithms)
    except jwt.InvalidKeyError:
        raise Failed("secret-form") from None
    except jwt.InvalidAlgorithmError:
        raise Unproved("algorithm") from None
    except jwt.PyJWTError:
        raise Unproved("mismatch") from None
    if "crit" in found["header"]:
        raise Unproved("algorithm")
    return bytes(found["payload"])


@cache
def _hush() -> None:
    """PyJWT warns of short secrets on standard error; ours are warned of where they are read."""
    import jwt

    warnings.simplefilter("ignore", jwt.warnings.InsecureKeyLengthWarning)


def header_of(token: str, extensions: list[str] | None = None) -> dict[str, Any]:
    """The header of a token; Unproved if it wants something to be understood that we don't."""
    import jwt

    try:
        header = read_json(jwt.utils.base64url_decode(token.partition(".")[0]))
    except ValueError:
        raise Unproved("encoding") from None
    if not isinstance(header, dict) or header.get("crit") != extensions:
        raise Unproved("algorithm")
    return {str(name): value for name, value in header.items()}


def time_in(claims: dict[str, Any], name: str) -> float | None:
    """A claim that is a time, None where it is missing; Unproved if it is no sensible number."""
    if (value := claims.get(name)) is None:
        return None
    if not isinstance(value, str | int) or not TIME.fullmatch(str(value)):
        raise Unproved("timestamp")
    return float(value)


def keys_in(published: str) -> list[dict[str, Any]]:
    """The keys of a set, or the one key that was asked for; Failed if it is neither."""
    try:
        document = json.loads(published)
        keys = document["keys"] if "keys" in document else [document["key"]]
        return [{str(name): value for name, value in key.items()} for key in keys]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Failed("keys-form") from None
