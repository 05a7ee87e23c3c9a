"""A secret that the sender shows with every request: it proves the sender, and nothing about the body."""

import base64
import re
import secrets
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlencode

from ..errors import Failed, Unproved
from ..webhook import Webhook
from .base import Scheme, check_names, same, with_headers

BASIC = re.compile(r"basic ([A-Za-z0-9+/]+={0,2})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Token(Scheme):
    """The secret itself, in a header (after `prefix`, such as "Bearer ") or in the query."""

    header: str = ""
    query: str = ""
    prefix: str = ""

    def __post_init__(self) -> None:
        if bool(self.header) == bool(self.query):
            raise ValueError("needs either header or query")
        check_names(self.header)

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        if self.header:
            return with_headers(webhook, **{self.header: (self.prefix + secret).encode().decode("latin-1")})
        query = "&".join(filter(None, [webhook.query, urlencode({self.query: secret})]))
        return replace(webhook, query=query, url=f"{webhook.url.partition('?')[0]}?{query}")

    def verify(self, webhook: Webhook, secret: str) -> None:
        given = self._in_header(webhook) if self.header else self._in_query(webhook)
        if not given:
            raise Unproved("missing")
        if not same(given, self.prefix + secret):
            raise Unproved("mismatch")

    def _in_header(self, webhook: Webhook) -> bytes:
        return webhook.header(self.header).encode("latin-1", "backslashreplace")  # a server reads bytes as latin-1

    def _in_query(self, webhook: Webhook) -> bytes:
        values = parse_qs(webhook.query, max_num_fields=100).get(self.query, [])
        return values[0].encode() if len(values) == 1 else b""


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
