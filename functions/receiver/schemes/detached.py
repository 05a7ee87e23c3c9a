"""A signature that stands for a whole token, whose payload is the body as it came."""

import json
from dataclasses import dataclass

from ..errors import Failed, Unproved
from ..webhook import Webhook
from .base import IN_BODY, with_headers
from .encoding import decode_signature
from .jose import TOKEN, header_of, keys_in, time_in
from .keyset import Jwks
from .times import check_time


@dataclass(frozen=True, slots=True)
class DetachedJws(Jwks):
    """A JWS without its payload, which is the body as it came (RFC 7797): Constant Contact.

    Its key set may name no key; then each is tried. `ts` in its header is held against the clock.
    """

    def __post_init__(self) -> None:
        Jwks.__post_init__(self)
        if not self.header or "|" in self.algorithm:
            raise ValueError("header can't be empty, and algorithm is one")

    def token(self, webhook: Webhook) -> str:
        given = webhook.header(self.header)
        if not given:
            raise Unproved("missing")
        first, _, last = given.partition("..")
        if not TOKEN.fullmatch(f"{first}.x.{last}"):
            raise Unproved("encoding")
        return f"{first}.x.{last}"

    def verify(self, webhook: Webhook, secret: str) -> None:
        import jwt

        token = self.token(webhook)
        header = header_of(token, ["b64"])
        if header.get("b64") is not False or header.get("alg") != self.algorithm:
            raise Unproved("algorithm")
        if time_in(header, "ts") is None:
            raise Unproved("timestamp")
        check_time(str(int(time_in(header, "ts") or 0)), webhook, self.tolerance)
        first, _, last = token.split(".")
        signature, message = decode_signature("base64url", last), f"{first}.".encode() + webhook.body
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        usable = [
            key for key in keys_in(secret) if key.get("kid") in (None, header.get("kid")) and key.get("kty") == "RSA"
        ]
        try:
            keys = [jwt.PyJWK(key, self.algorithm).key for key in usable[:10]]
        except jwt.PyJWTError:
            raise Failed("keys-form") from None
        if not any(algorithm.verify(message, key, signature) for key in keys):
            raise Unproved("mismatch")

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        import jwt

        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        said = {"alg": self.algorithm, "b64": False, "crit": ["b64"], "ts": int(webhook.received), "kid": "demo"}
        first = jwt.utils.base64url_encode(json.dumps(said).encode())
        signature = algorithm.sign(first + b"." + webhook.body, algorithm.prepare_key(secret))
        text = f"{first.decode()}..{jwt.utils.base64url_encode(signature).decode()}"
        return with_headers(webhook, **{self.header: text})

    def covers(self, place: str) -> bool:
        return place.partition(":")[0] in IN_BODY
