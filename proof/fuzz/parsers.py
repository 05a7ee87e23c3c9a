"""The parsers of what may be in a header, in a body or in a key: each refuses it, or reads it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import jwt

from functions.receiver import bodies, keys
from functions.receiver.errors import NotAccepted
from functions.receiver.moments import moment
from functions.receiver.schemes import certificate, encoding, jose, publickey
from functions.receiver.schemes.times import check_time
from functions.receiver.schemes.webtoken import canonical
from functions.receiver.webhook import Webhook

from .draw import Draw

NOW = 1_700_000_000.0
MOMENTS = ("1700000000", "2023-11-14T22:13:20Z", "2023-11-14 22:13", "Tue, 14 Nov 2023 22:13:20 +0100")
TOKEN = jwt.encode({"iss": "demo"}, "k" * 32)


@cache
def certified() -> str:
    """A certificate."""
    return certificate.certified("demo")[1]


@cache
def public_key() -> str:
    """A public key."""
    return publickey.pair_of(publickey.new_p256(), "pem")[1]


def _fields(draw: Draw) -> None:
    webhook = Webhook(draw.raw(), {"content-type": draw.respell(draw.text())})
    assert all(values for values in bodies.read_form(webhook).values())


def _moment(draw: Draw) -> None:
    if found := moment(draw.one((draw.mistype, draw.respell))(draw.one(MOMENTS)), NOW):
        assert datetime.fromisoformat(found).timestamp() <= NOW + 86_400


PARSERS: Sequence[Callable[[Draw], Any]] = (
    lambda draw: bodies.read_json(draw.raw()),
    lambda draw: bodies.read_fields(draw.text()),
    _fields,
    lambda draw: bodies.claims_of(draw.raw()),
    _moment,
    lambda draw: check_time(draw.mistype(draw.one(MOMENTS)), Webhook(received=NOW), 300),
    lambda draw: encoding.decode_signature(draw.one([*encoding.ENCODINGS]), draw.text()),
    lambda draw: encoding.key_of(draw.one([*encoding.KEYS]), draw.text()),
    lambda draw: encoding.pair(draw.text()),
    lambda draw: jose.header_of(draw.recode(draw.text()), draw.one((None, ["b64"]))),
    lambda draw: jose.payload_of(draw.recode(TOKEN), draw.text(), [draw.one(("HS256", "RS256", "ES256"))]),
    lambda draw: jose.keys_in(draw.rewrite(b'{"keys": [{"kty": "RSA", "kid": "demo"}]}').decode("latin-1")),
    lambda draw: canonical("POST", f"/x?{draw.text()}"),
    lambda draw: certificate.certificate_of(draw.respell(certified()), ("demo",), Webhook(received=NOW)),
    lambda draw: publickey.load_public(draw.splice(public_key().encode())),
    lambda draw: keys.parse(draw.text(), "1"),
)


def parsers(data: bytes) -> bool:
    """Read what may be in a header or in a key: it is refused, or read."""
    draw = Draw(data)
    try:
        draw.one(PARSERS)(draw)
    except NotAccepted:
        return False
    return True
