"""Every scheme: what a sender signs is changed, before and after; nobody else gets in, and no id but the signed one."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial

import jwt

from functions.receiver.errors import NotAccepted
from functions.receiver.places import Places
from functions.receiver.schemes import DetachedJws, Jwt, Publishes, Scheme
from functions.receiver.webhook import Webhook
from tests.rows import ROWS, sample

from .changes import change
from .draw import Draw
from .parsers import NOW

RARE = 7  # of so many
SENDER, STRANGER = "the sender's", "a stranger's"
CLIENT = "demo-client:demo-client-secret"  # what a key is asked for with, where that takes a secret
SCHEMES: Mapping[str, Scheme] = {name: row.provider.scheme for name, row in ROWS.items() if row.provider.scheme}


@cache
def sample_of(name: str) -> Webhook:
    """What a provider sends, read once."""
    return sample(name, NOW)


@cache
def keys_of(name: str, whose: str) -> tuple[str, str]:
    """What a sender signs with, and what the receiver knows of it."""
    return SCHEMES[name].new_keys()


@cache
def genuine(name: str) -> Webhook:
    """What a provider sends, with its proof."""
    return SCHEMES[name].sign(sample_of(name), keys_of(name, SENDER)[0])


def sent(draw: Draw, name: str) -> Webhook:
    """What a sender signs: what its provider sends or, now and then since signing is slow, something like it."""
    if draw.number(RARE) < RARE:
        return genuine(name)
    webhook, scheme, secret = change(draw, sample_of(name)), SCHEMES[name], keys_of(name, SENDER)[0]
    try:
        if isinstance(scheme, Jwt) and not isinstance(scheme, DetachedJws):
            # Who gets tokens from an issuer may have a say in what they claim.
            claims = draw.rewrite(json.dumps(scheme.claims(webhook)).encode())
            token = jwt.api_jws.encode(claims, secret, scheme.algorithm.partition("|")[0], {"kid": "demo"})
            return scheme.put(webhook, token)
        return scheme.sign(webhook, secret)
    except Exception:
        return webhook  # there are bodies that no sender could sign


def proved(scheme: Scheme, webhook: Webhook, key: str) -> bool:
    """Whether it is accepted; wherever the webhook says that its key stands, it is proved by this one."""
    if isinstance(scheme, Publishes):
        with suppress(NotAccepted):
            scheme.published(webhook, CLIENT if scheme.HAS_SECRET else "")
    try:
        scheme.verify(webhook, key)
    except NotAccepted:
        return False
    return True


def verify(names: Sequence[str], data: bytes) -> bool:
    """Change what a sender signs, and what it then sends: nobody else gets in, nor an id that is not its own.

    It says whether it is accepted: what is not changed has to be.
    """
    draw = Draw(data)
    name = draw.one(names)
    signed = sent(draw, name)
    came = change(draw, signed)
    whose = draw.one((SENDER, STRANGER))
    key = keys_of(name, whose)[1]
    accepted = proved(SCHEMES[name], came, draw.respell(key) if draw.number(7) == 7 else key)
    if accepted:
        assert whose == SENDER, "a stranger got in"
        if ROWS[name].id_is_signed and proved(SCHEMES[name], signed, keys_of(name, SENDER)[1]):
            assert ids(name, came) == ids(name, signed), "a signed id was changed"
    return accepted


def ids(name: str, webhook: Webhook) -> list[str | None]:
    """What stands where a row has its id."""
    row = ROWS[name].provider
    return [Places(webhook).find(place) for place in ((row.id,) if isinstance(row.id, str) else row.id)]


def _by_kind() -> Mapping[str, Callable[[bytes], bool]]:
    kinds: dict[str, list[str]] = {}
    for name, scheme in SCHEMES.items():
        kinds.setdefault(type(scheme).__name__, []).append(name)
    return {kind: partial(verify, names) for kind, names in sorted(kinds.items())}


FORGERIES = _by_kind()
