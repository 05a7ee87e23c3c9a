"""A secret that the sender shows with every request: it proves the sender, and nothing about the body."""

import base64
import re
import secrets
from dataclasses import dataclass

from ..errors import Failed, Unproved
from ..places import Places, is_place
from ..webhook import Webhook
from .base import Scheme, check_names, same, with_headers
from .put import put

BASIC = re.compile(r"basic ([A-Za-z0-9+/]+={0,2})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Token(Scheme):
    """The secret itself: in a header (after `prefix`, such as "Bearer "), in the query, or in the JSON.

    A path of the JSON may have `*` for each item of an array: then each of them must have the secret.
    """

    header: str = ""
    query: str = ""
    json: str = ""
    prefix: str = ""

    def __post_init__(self) -> None:
        if [bool(self.header), bool(self.query), bool(self.json)].count(True) != 1:
            raise ValueError("needs one of header, query and json")
        check_names(self.header)
        if not is_place(self._place):
            raise ValueError(f"{self._place} is no place")

    @property
    def _place(self) -> str:
        return f"header:{self.header}" if self.header else f"query:{self.query}" if self.query else f"json:{self.json}"

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        if self.header:
            return with_headers(webhook, **{self.header: (self.prefix + secret).encode().decode("latin-1")})
        return put(webhook, self._place, secret)

    def verify(self, webhook: Webhook, secret: str) -> None:
        given = self._in_header(webhook) if self.header else self._elsewhere(Places(webhook))
        if not given or not all(given):
            raise Unproved("missing")
        if not all(same(value, self.prefix + secret) for value in given):
            raise Unproved("mismatch")

    def _in_header(self, webhook: Webhook) -> list[bytes]:
        # A server reads the bytes of a header as latin-1.
        return [webhook.header(self.header).encode("latin-1", "backslashreplace")]

    def _elsewhere(self, places: Places) -> list[bytes]:
        found = places.every(self.json) if self.json else [places.find(self._place)]
        return [(value or "").encode(errors="surrogatepass") for value in found]


@dataclass(frozen=True, slots=True)
class Basic(Scheme):
    """User and password by RFC 7617; the secret is `user:password`."""

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        return with_headers(webhook, authorization="Basic " + base64.b64encode(secret.encode()).decode())

    def verify(self, webhook: Webhook, secret: str) -> None:
        if not (given := webhook.header("authorization")):
            raise Unproved("missing")
        if not secret.partition(":")[2]:
            raise Failed("secret-form")
        if not (encoded := BASIC.fullmatch(given)):
            raise Unproved("encoding")
        try:
            user_and_password = base64.b64decode(encoded[1], validate=True)
        except ValueError:
            raise Unproved("encoding") from None
        if not same(user_and_password, secret):
            raise Unproved("mismatch")

    def new_keys(self) -> tuple[str, str]:
        secret = f"webhook:{secrets.token_urlsafe(32)}"
        return secret, secret
