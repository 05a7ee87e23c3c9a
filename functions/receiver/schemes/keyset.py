"""Signed tokens whose key is one of a set that the sender publishes, or that it gives out one by one."""

import json
import re
from dataclasses import dataclass
from typing import Any, ClassVar

from ..errors import Unproved
from ..webhook import Webhook
from .base import Publishes
from .encoding import pair
from .jose import header_of, keys_in
from .location import Location
from .publickey import new_p256, new_rsa, pair_of
from .webtoken import Jwt

NUMBER = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True)
class Jwks(Jwt, Publishes):
    """A JWT signed with a key of a set that the sender publishes: Google, Kinde, Plaid.

    `keys` is the address of the set, in which {issuer} stands for the issuer. `email` is wanted as a verified claim:
    any Google account can get a token for any audience. `asks` are the settings that a source of this sender must give.
    """

    algorithm: str = "RS256"
    keys: str = ""
    email: str = ""
    asks: str = ""

    def __post_init__(self) -> None:
        Jwt.__post_init__(self)
        if not self.keys.startswith("https://") and not self.keys.startswith("{issuer}/"):
            raise ValueError("keys: must be the https address of a key set")

    @property
    def needs(self) -> tuple[str, ...]:
        issuer = ("issuer",) if "{issuer}" in self.keys and not self.issuer and "issuer" not in self.asks else ()
        return (*self.asks.split(), *issuer, *(("public_url",) if self.url_hash or self.audience == "{url}" else ()))

    @property
    def implied_issuer(self) -> str:
        return self.issuer if "{issuer}" in self.keys else ""  # nobody else publishes keys there

    def published(self, webhook: Webhook, secret: str) -> Location:
        self.token(webhook)  # what is no token costs no fetch
        return Location(self.keys.replace("{issuer}", self.issuer.rstrip("/")))

    def key(self, token: str, secret: str) -> Any:
        import jwt

        header, keys = header_of(token), keys_in(secret)
        if (algorithm := header.get("alg")) not in self.algorithm.split("|"):
            raise Unproved("algorithm")
        number = header.get("kid")
        found = [key for key in keys if key.get("kid") == number] if number else keys if len(keys) == 1 else []
        if len(found) != 1:
            raise Unproved("unknown-key")
        try:
            return jwt.PyJWK(found[0], algorithm).key
        except jwt.PyJWTError:
            raise Unproved("unknown-key") from None

    def claims(self, webhook: Webhook) -> dict[str, Any]:
        return Jwt.claims(self, webhook) | ({"email": self.email, "email_verified": True} if self.email else {})

    def encode(self, claims: dict[str, Any], secret: str) -> str:
        import jwt

        return jwt.encode(claims, secret, self.algorithm.partition("|")[0], headers={"kid": "demo"})

    def check(self, claims: dict[str, Any], webhook: Webhook) -> None:
        Jwt.check(self, claims, webhook)
        if self.email and not (claims.get("email") == self.email and claims.get("email_verified") is True):
            raise Unproved("email")

    def new_keys(self) -> tuple[str, str]:
        import jwt

        name = self.algorithm.partition("|")[0]
        private, public = pair_of(new_p256() if name.startswith("ES") else new_rsa(), "pem")
        algorithm = jwt.get_algorithm_by_name(name)
        jwk = json.loads(algorithm.to_jwk(algorithm.prepare_key(public)))
        return private, json.dumps({"keys": [jwk | {"kid": "demo"}]})


@dataclass(frozen=True, slots=True)
class Plaid(Jwks):
    """Plaid's: the key is asked for by its id, with the account's `client_id:secret`.

    https://plaid.com/docs/api/webhooks/webhook-verification/
    """

    HAS_SECRET: ClassVar[bool] = True

    header: str = "Plaid-Verification"
    algorithm: str = "ES256"
    body_hash: str = "request_body_sha256"
    keys: str = "https://production.plaid.com/webhook_verification_key/get"

    def published(self, webhook: Webhook, secret: str) -> Location:
        client, password = pair(secret)
        number = header_of(self.token(webhook)).get("kid")
        if not isinstance(number, str) or not NUMBER.fullmatch(number):
            raise Unproved("unknown-key")
        return Location(self.keys, json={"client_id": client, "secret": password, "key_id": number}, named=True)
