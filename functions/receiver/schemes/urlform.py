"""A keyed hash of the URL and the sorted fields of a form: Twilio, Mandrill."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from ..bodies import MOST_FIELDS, read_fields
from ..errors import Unproved
from ..webhook import Webhook
from .base import among, with_headers
from .mac import Mac

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
        hashes = read_fields(webhook.query).get(self.body_hash) if self.body_hash else None
        if not hashes:
            return "".join(name + value for name, value in sorted(set(fields_of(webhook))))
        if not among(hashes[0], [hashlib.sha256(webhook.body).hexdigest()]):
            raise Unproved("body-hash")
        return ""

    @staticmethod
    def _message(url: str, pairs: str) -> bytes:
        return (url + pairs).encode(errors="surrogateescape")

    def covers(self, place: str) -> bool:
        # Names and values are joined without anything between them, so that a field can be split otherwise.
        return place == "digest" or place.partition(":")[0] == "query"


def fields_of(webhook: Webhook) -> list[tuple[str, str]]:
    """The fields of the form; Unproved if the body is another one, which the hash then does not cover."""
    if webhook.body and webhook.header("content-type").partition(";")[0].strip().lower() != FORM:
        raise Unproved("body-uncovered")
    return pairs_of(webhook.body.decode("latin-1"), "surrogateescape")


def pairs_of(text: str, errors: str = "replace") -> list[tuple[str, str]]:
    """The fields of a form or a query; Unproved if there are more of them than any sender has."""
    try:
        return parse_qsl(text, keep_blank_values=True, errors=errors, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Unproved("body-uncovered") from error


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
