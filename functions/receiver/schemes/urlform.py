"""Keyed hashes of the URL and the sorted fields of a form, for senders who call by telephone and mail."""

import hashlib
import secrets
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

from ..bodies import MOST_FIELDS, has_twins
from ..errors import Unproved
from ..places import Places
from ..webhook import Webhook
from .base import IN_BODY, among, check_time, with_headers
from .mac import Mac, now
from .put import put

FORM = "application/x-www-form-urlencoded"
PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class UrlForm(Mac):
    """The URL, then each field of the form as name and value, sorted; or the URL alone, with a hash of the body in it:
    Twilio, Mandrill.

    `body_hash` is the name of that hash (SHA-256, hex) in the query. A body that is neither a form nor hashed so is not
    covered, and so proves nothing. https://www.twilio.com/docs/usage/webhooks/webhooks-security
    """

    digest: str = "sha1"
    encoding: str = "base64"
    body_hash: str = "bodySHA256"

    def __post_init__(self) -> None:
        Mac.__post_init__(self)
        if not self.header:
            raise ValueError("header: can't be empty")

    @property
    def needs(self) -> tuple[str, ...]:
        return ("public_url",)

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        return with_headers(
            webhook, **{self.header: self.mac(secret, self._message(webhook.url, self._pairs(webhook)))}
        )

    def verify(self, webhook: Webhook, secret: str) -> None:
        if not (given := webhook.header(self.header)):
            raise Unproved("missing")
        pairs = self._pairs(webhook)
        wanted = [self.mac(secret, self._message(url, pairs)) for url in _spellings(webhook.url)]
        if not among(given, wanted):
            raise Unproved("mismatch")

    def _pairs(self, webhook: Webhook) -> str:
        """What is signed behind the URL: nothing where the URL has a hash of the body in it."""
        hashes = parse_qs(webhook.query, max_num_fields=100).get(self.body_hash) if self.body_hash else None
        if not hashes:
            return "".join(name + value for name, value in sorted(set(_fields(webhook))))
        if not among(hashes[0], [hashlib.sha256(webhook.body).hexdigest()]):
            raise Unproved("body-hash")
        return ""

    @staticmethod
    def _message(url: str, pairs: str) -> bytes:
        return (url + pairs).encode(errors="surrogateescape")

    def covers(self, place: str) -> bool:
        # Names and values are joined without anything between them, so that a field can be split otherwise.
        return place == "digest" or place.partition(":")[0] == "query"


@dataclass(frozen=True, slots=True)
class Plivo(Mac):
    """The URL with its query sorted, the sorted fields of the form and a nonce: Plivo's third version.

    https://www.plivo.com/docs/messaging/concepts/signature-validation
    """

    header: str = "X-Plivo-Signature-V3"
    encoding: str = "base64"
    nonce: str = "X-Plivo-Signature-V3-Nonce"

    @property
    def needs(self) -> tuple[str, ...]:
        return ("public_url",)

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        webhook = with_headers(webhook, **{self.nonce: secrets.token_hex(10)})
        return with_headers(webhook, **{self.header.split("|")[0]: self.mac(secret, self.message(webhook))})

    def verify(self, webhook: Webhook, secret: str) -> None:
        given = [value for name in self.header.split("|") if (value := webhook.header(name))]
        if not given or not webhook.header(self.nonce):
            raise Unproved("missing")
        candidates = [item.strip() for value in given for item in value.split(",")]
        self.check(candidates, self.mac(secret, self.message(webhook)))

    def message(self, webhook: Webhook) -> bytes:
        """What is signed: `?` where a query or a form follows, a dot between them, and a dot before the nonce."""
        query = "&".join(f"{name}={value}" for name, value in sorted(parse_qsl(webhook.query, keep_blank_values=True)))
        form = "".join(name + value for name, value in sorted(_fields(webhook)))
        sign, dot = "?" if query or form else "", "." if query and form else ""
        text = f"{webhook.url.partition('?')[0]}{sign}{query}{dot}{form}.{webhook.header(self.nonce)}"
        return text.encode(errors="surrogateescape")

    def covers(self, place: str) -> bool:
        # Names and values are joined without anything between them, so that a field can be split otherwise.
        return place == "digest" or place.partition(":")[0] == "query"


@dataclass(frozen=True, slots=True)
class SortedParameters(Mac):
    """All parameters but the signature, sorted, as `&name=value`: Vonage's SMS, with `sig` and `timestamp` among them.

    They come in the query, in a form, or at the top of the JSON. `&` and `=` inside a value are signed as `_`.
    https://developer.vonage.com/en/getting-started/concepts/signing-messages
    """

    signature: str = "sig"
    timestamp: str = "timestamp"

    def __post_init__(self) -> None:
        Mac.__post_init__(self)
        if not self.signature or not self.timestamp:
            raise ValueError("signature and timestamp can't be empty")

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        kind = "json" if isinstance(Places(webhook).document, dict) else "form" if webhook.body else "query"
        webhook = put(webhook, f"{kind}:{self.timestamp}", now(webhook))
        return put(webhook, f"{kind}:{self.signature}", self._wanted(self._parameters(webhook), secret))

    def verify(self, webhook: Webhook, secret: str) -> None:
        pairs = self._parameters(webhook)
        if len(given := [value for name, value in pairs if name == self.signature]) != 1 or not given[0]:
            raise Unproved("missing")
        if len(times := [value for name, value in pairs if name == self.timestamp]) != 1:
            raise Unproved("timestamp")
        check_time(times[0], webhook, self.tolerance)
        self.check(given, self._wanted(pairs, secret))

    def _parameters(self, webhook: Webhook) -> list[tuple[str, str]]:
        pairs = parse_qsl(webhook.query, keep_blank_values=True, max_num_fields=MOST_FIELDS)
        document = Places(webhook).document
        if not isinstance(document, dict):
            pairs += _fields(webhook)
        elif not all(isinstance(value, str) for value in document.values()) or has_twins(webhook.body):
            raise Unproved("body-uncovered")
        else:
            pairs += document.items()
        if any("&" in name or "=" in name for name, _ in pairs):
            raise Unproved("body-uncovered")  # only in values are they signed as something else
        return pairs

    def _wanted(self, pairs: list[tuple[str, str]], secret: str) -> str:
        safe = [(name, value.replace("&", "_").replace("=", "_")) for name, value in sorted(pairs)]
        text = "".join(f"&{name}={value}" for name, value in safe if name != self.signature)
        return self.mac(secret, text.encode(errors="surrogateescape"))

    def covers(self, place: str) -> bool:
        return place.partition(":")[0] in (*IN_BODY, "query")


def _fields(webhook: Webhook) -> list[tuple[str, str]]:
    """The fields of the form; Unproved if the body is another one, which the hash then does not cover."""
    if webhook.body and webhook.header("content-type").partition(";")[0].strip().lower() != FORM:
        raise Unproved("body-uncovered")
    text = webhook.body.decode("latin-1")
    return parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=MOST_FIELDS)


@lru_cache(maxsize=256)
def _spellings(url: str) -> list[str]:
    """The ways in which a sender may have written the URL: with the default port or without, the query as it came or
    with every escape in it (a platform may have undone some).
    """
    parts = urlsplit(url)
    default = PORTS.get(parts.scheme)
    bare = parts.netloc.removesuffix(f":{default}")
    hosts = [bare, f"{bare}:{default}"] if parts.port in (None, default) else [parts.netloc]
    escaped = urlencode(parse_qsl(parts.query, keep_blank_values=True), quote_via=quote)
    return [parts._replace(netloc=host, query=query).geturl() for host in hosts for query in {parts.query, escaped}]
