"""A signed token (JWT) in a header or as the body, its key a secret."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from ..bodies import read_json
from ..errors import Unproved
from ..webhook import Webhook
from .base import IN_BODY, Scheme, check_names, same, with_headers
from .jose import TOKEN, payload_of, time_in
from .template import path_and_query
from .times import check_time

SECRET_KEY = ("HS256", "HS384", "HS512")
PUBLIC_KEY = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


@dataclass(frozen=True, slots=True)
class Jwt(Scheme):
    """A JWT signed with a secret: Vonage, Netlify, monday.com.

    It stands in `header` behind `prefix`; without a header it is the body. `algorithm` is the one, or those (with `|`
    between them), that its sender uses; what the token says of itself is not asked. `issuer` and `audience` are wanted
    as claims; `body_hash`, `url_hash` and `query_hash` are the names of claims that hold SHA-256 in hex of the body,
    the URL, and (Atlassian's `qsh`) of method, path and query. `tolerance` is allowed beyond `exp` and `nbf`, and is
    the age by `iat` where there is no `exp`.
    """

    header: str = "Authorization"
    prefix: str = ""
    algorithm: str = "HS256"
    issuer: str = ""
    audience: str = ""
    body_hash: str = ""
    url_hash: str = ""
    query_hash: str = ""

    def __post_init__(self) -> None:
        check_names(self.header)
        known = SECRET_KEY if type(self) is Jwt else PUBLIC_KEY
        if unknown := set(self.algorithm.split("|")) - set(known):
            raise ValueError(f"algorithm: no {unknown.pop()}; there are {', '.join(known)}")

    @property
    def needs(self) -> tuple[str, ...]:
        return ("public_url",) if self.url_hash or self.query_hash or self.audience == "{url}" else ()

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        return self.put(webhook, self.encode(self.claims(webhook), secret))

    def encode(self, claims: dict[str, Any], secret: str) -> str:
        """Make the token."""
        import jwt

        return jwt.encode(claims, secret, self.algorithm.partition("|")[0])

    def claims(self, webhook: Webhook) -> dict[str, Any]:
        """What the sender says of a webhook."""
        now = int(webhook.received)
        said = {"iat": now, "exp": now + 60, "jti": secrets.token_hex(8), "iss": self.issuer.partition("|")[0]}
        said["aud"] = webhook.url if self.audience == "{url}" else self.audience
        hashes = {self.body_hash: sha256(webhook.body) if webhook.body else "", self.url_hash: sha256(webhook.url)}
        hashes[self.query_hash] = sha256(canonical(webhook.method, path_and_query(webhook)))
        body = read_json(webhook.body) if not self.header else None
        own = body if isinstance(body, dict) else {}
        return {name: value for name, value in {**own, **said, **hashes}.items() if name and value}

    def verify(self, webhook: Webhook, secret: str) -> None:
        token = self.token(webhook)
        claims = read_json(payload_of(token, self.key(token, secret), self.algorithm.split("|")))
        if not isinstance(claims, dict):
            raise Unproved("claims")
        self.check(claims, webhook)

    @property
    def implied_issuer(self) -> str:
        """The issuer of a token that names none."""
        return ""

    def key(self, token: str, secret: str) -> Any:
        """What the token is verified with."""
        return secret

    def token(self, webhook: Webhook) -> str:
        """The token as it came; Unproved if there is none."""
        given = webhook.header(self.header) if self.header else webhook.body.decode("latin-1").strip()
        if not given:
            raise Unproved("missing")
        if given[: len(self.prefix)].lower() != self.prefix.lower() or not TOKEN.fullmatch(given[len(self.prefix) :]):
            raise Unproved("encoding")
        return given[len(self.prefix) :]

    def put(self, webhook: Webhook, token: str) -> Webhook:
        """The webhook with its token."""
        if self.header:
            return with_headers(webhook, **{self.header: self.prefix + token})
        return replace(webhook, body=token.encode())

    def check(self, claims: dict[str, Any], webhook: Webhook) -> None:
        """Unproved unless the claims are of this sender, for us, of now, and of this very request."""
        self._check_times(claims, webhook)
        if self.issuer and claims.get("iss", self.implied_issuer) not in self.issuer.split("|"):
            raise Unproved("issuer")
        audience = webhook.url if self.audience == "{url}" else self.audience
        said = claims.get("aud")
        if audience and audience not in (said if isinstance(said, list) else [said]):
            raise Unproved("audience")
        if self.body_hash and (webhook.body or self.body_hash in claims):
            self._check_hash(claims, self.body_hash, webhook.body, "body-hash")
        if self.url_hash:
            self._check_hash(claims, self.url_hash, webhook.url, "url-hash")
        if self.query_hash:
            # The path may be meant from the address that the app was registered with; ours is always its last part.
            path = path_and_query(webhook)
            spelled = (path, path[path.partition("?")[0].rfind("/") :])
            wanted = [sha256(canonical(webhook.method, path)) for path in spelled]
            if not any(same(str(claims.get(self.query_hash)), digest) for digest in wanted):
                raise Unproved("query-hash")

    def _check_hash(self, claims: dict[str, Any], name: str, of: str | bytes, reason: str) -> None:
        if not same(str(claims.get(name)), sha256(of)):
            raise Unproved(reason)

    def _check_times(self, claims: dict[str, Any], webhook: Webhook) -> None:
        expires, begins = time_in(claims, "exp"), time_in(claims, "nbf")
        if expires is not None and webhook.received > expires + self.tolerance:
            raise Unproved("stale")
        if begins is not None and webhook.received < begins - self.tolerance:
            raise Unproved("stale")
        issued = time_in(claims, "iat")
        if issued is not None and expires is None:
            check_time(str(int(issued)), webhook, self.tolerance)
        elif issued is not None and issued > webhook.received + self.tolerance:
            raise Unproved("stale")

    def covers(self, place: str) -> bool:
        kind = place.partition(":")[0]
        if kind == "query":
            return bool(self.url_hash or self.query_hash or self.audience == "{url}")
        return kind in IN_BODY and bool(self.body_hash or not self.header)


def canonical(method: str, path: str) -> str:
    """What Atlassian's `qsh` is the hash of. https://developer.atlassian.com/cloud/jira/platform/understanding-jwt/"""
    parts = urlsplit(path)
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        values.setdefault(quote(name, safe="~"), []).append(value)
    pairs = [
        f"{name}={','.join(quote(value, safe='~') for value in sorted(given))}"
        for name, given in sorted(values.items())
        if name != "jwt"
    ]
    return f"{method.upper()}&{(parts.path or '/').rstrip('/') or '/'}&{'&'.join(pairs)}"


def sha256(of: str | bytes) -> str:
    """The hash in hex."""
    return hashlib.sha256(of.encode(errors="surrogatepass") if isinstance(of, str) else of).hexdigest()
