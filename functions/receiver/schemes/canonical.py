"""Signatures of a whole request, written out line by line: method, path, some headers, body."""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

from ..errors import Unproved
from ..places import Places
from ..webhook import Webhook
from .asymmetric import Ed25519, holds
from .base import IN_BODY, Scheme, among, check_names, check_time, with_headers
from .encoding import decode_signature, key_of
from .fields import pair
from .mac import Mac
from .publickey import pair_of
from .template import path_and_query, signed

MOST_HEADERS = 30
PARAMETER = re.compile(r'([A-Za-z]+)="([^"]*)"')
PARAMETERS = re.compile(rf"{PARAMETER.pattern}(?:, ?{PARAMETER.pattern})*")
LINES = {"(request-target)", "host", "date", "digest"}
HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT", re.ASCII)


@dataclass(frozen=True, slots=True)
class Contentful(Mac):
    """Method, path, the headers that the sender names (the time is one) and the body, joined by line ends.

    https://www.contentful.com/developers/docs/extensibility/webhooks/request-verification/
    """

    header: str = "x-contentful-signature"
    signed_headers: str = "x-contentful-signed-headers"
    timestamp: str = "x-contentful-timestamp"

    @property
    def needs(self) -> tuple[str, ...]:
        return ("public_url",)

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        names = sorted([self.signed_headers, self.timestamp])
        time = str(int(webhook.received * 1000))
        webhook = with_headers(webhook, **{self.timestamp: time, self.signed_headers: ",".join(names)})
        return with_headers(webhook, **{self.header: self.mac(secret, self.message(webhook, names))})

    def verify(self, webhook: Webhook, secret: str) -> None:
        if not (given := webhook.header(self.header)):
            raise Unproved("missing")
        names = [name.strip().lower() for name in webhook.header(self.signed_headers).split(",")]
        if self.timestamp not in names or len(names) > MOST_HEADERS:
            raise Unproved("headers")
        check_time(webhook.header(self.timestamp), webhook, self.tolerance)
        self.check([given], self.mac(secret, self.message(webhook, names)))

    def message(self, webhook: Webhook, names: list[str]) -> bytes:
        """What is signed. The query is escaped twice, as their toolkit does."""
        path, mark, query = path_and_query(webhook).partition("?")
        address = quote(path + mark + quote(query, safe="!~*'()"), safe="/?;,:@&=+$!~*'()#")
        headers = ";".join(f"{name}:{webhook.header(name).strip()}" for name in sorted(names))
        return f"{webhook.method}\n{address}\n{headers}\n".encode(errors="surrogatepass") + webhook.body

    def covers(self, place: str) -> bool:
        return place.partition(":")[0] in (*IN_BODY, "query")


@dataclass(frozen=True, slots=True)
class SinchApplication(Mac):
    """Method, hash of the body, content type, time and path; the secret is the application's `key:secret`.

    https://developers.sinch.com/docs/voice/api-reference/authentication/callback-signed-request
    """

    header: str = "Authorization"
    encoding: str = "base64"
    key: str = "base64"
    signs: str = "{method}\n{body-md5}\n{header:content-type}\nx-timestamp:{header:x-timestamp}\n{path}"

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        name, key = pair(secret)
        time = datetime.fromtimestamp(webhook.received, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        webhook = with_headers(webhook, **{"x-timestamp": time})
        mac = self.mac(key, signed(self.signs, Places(webhook)))
        return with_headers(webhook, **{self.header: f"application {name}:{mac}"})

    def verify(self, webhook: Webhook, secret: str) -> None:
        if not (given := webhook.header(self.header)):
            raise Unproved("missing")
        name, key = pair(secret)
        scheme, _, proof = given.partition(" ")
        if scheme.lower() != "application":
            raise Unproved("encoding")
        check_time(webhook.header("x-timestamp"), webhook, self.tolerance)
        self.check([proof], f"{name}:{self.mac(key, signed(self.signs, Places(webhook)))}")

    def new_keys(self) -> tuple[str, str]:
        secret = f"{secrets.token_hex(8)}:{base64.b64encode(secrets.token_bytes(32)).decode()}"
        return secret, secret


@dataclass(frozen=True, slots=True)
class HttpSignature(Scheme):
    """An HTTP signature with Ed25519 over request line, host, date and digest of the body: Keygen.

    The key is 32 bytes in hex. https://keygen.sh/docs/api/signatures/
    """

    header: str
    lines: str = "(request-target) host date digest"

    def __post_init__(self) -> None:
        check_names(self.header)
        # Without these two neither body nor time would be signed.
        if not self.header or not {"date", "digest"} <= set(self.lines.split()) <= LINES:
            raise ValueError("header can't be empty; lines are date, digest, and perhaps (request-target) and host")

    @property
    def needs(self) -> tuple[str, ...]:
        return ("public_url",)

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        private: Any = load_pem_private_key(secret.encode(), None)
        date = format_datetime(datetime.fromtimestamp(int(webhook.received), UTC), usegmt=True)
        webhook = with_headers(webhook, date=date, digest=self._digest(webhook))
        signature = base64.b64encode(private.sign(self._message(webhook, self.lines))).decode()
        text = f'keyid="demo", algorithm="ed25519", signature="{signature}", headers="{self.lines}"'
        return with_headers(webhook, **{self.header: text})

    def verify(self, webhook: Webhook, secret: str) -> None:
        if not (given := webhook.header(self.header)):
            raise Unproved("missing")
        parameters = PARAMETER.findall(given)
        said = dict(parameters)
        if not PARAMETERS.fullmatch(given) or len(said) != len(parameters) or " " in said.get("keyid", ""):
            raise Unproved("encoding")
        if said.get("algorithm", "ed25519") != "ed25519":
            raise Unproved("algorithm")
        # What is signed is what we want signed: the sender has no say in it.
        if said.get("headers") != self.lines:
            raise Unproved("headers")
        if not HTTP_DATE.fullmatch(date := webhook.header("date")):
            raise Unproved("timestamp")
        check_time(str(int(parsedate_to_datetime(date).timestamp())), webhook, self.tolerance)
        if not among(webhook.header("digest").lower(), [self._digest(webhook).lower()]):
            raise Unproved("body-hash")
        scheme = Ed25519("x", "x")
        signature = decode_signature("base64", said.get("signature", ""))
        if not holds(scheme, scheme.load(key_of("hex", secret).hex()), signature, self._message(webhook, self.lines)):
            raise Unproved("mismatch")

    @staticmethod
    def _digest(webhook: Webhook) -> str:
        return f"sha-256={base64.b64encode(hashlib.sha256(webhook.body).digest()).decode()}"

    def _message(self, webhook: Webhook, names: str) -> bytes:
        values = {
            "(request-target)": f"{webhook.method.lower()} {path_and_query(webhook)}",
            "host": urlsplit(webhook.url).netloc,
            "date": webhook.header("date"),
            "digest": self._digest(webhook),
        }
        return "\n".join(f"{name}: {values[name]}" for name in names.split()).encode(errors="surrogatepass")

    def covers(self, place: str) -> bool:
        return place.partition(":")[0] in (*IN_BODY, "query")

    def new_keys(self) -> tuple[str, str]:
        return pair_of(Ed25519("x", "x").new_private_key(), "hex")
