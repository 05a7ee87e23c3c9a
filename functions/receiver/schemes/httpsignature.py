"""HTTP signatures, as they were drafted before RFC 9421."""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import urlsplit

from ..errors import Unproved
from ..webhook import Webhook
from .base import IN_BODY, Scheme, among, check_names, with_headers
from .ed25519 import check_ed25519
from .encoding import decode_signature, key_of
from .publickey import new_ed25519, pair_of, private_of
from .template import path_and_query
from .times import check_time

PARAMETER = re.compile(r'([A-Za-z]+)="([^"]*)"')
PARAMETERS = re.compile(rf"{PARAMETER.pattern}(?:, ?{PARAMETER.pattern})*")
LINES = {"(request-target)", "host", "date", "digest"}
HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT", re.ASCII)


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
        date = format_datetime(datetime.fromtimestamp(int(webhook.received), UTC), usegmt=True)
        webhook = with_headers(webhook, date=date, digest=self._digest(webhook))
        signature = base64.b64encode(private_of(secret).sign(self._message(webhook, self.lines))).decode()
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
        try:
            seconds = int(parsedate_to_datetime(date).timestamp())
        except ValueError:  # the 31st of February
            raise Unproved("timestamp") from None
        check_time(str(seconds), webhook, self.tolerance)
        if not among(webhook.header("digest").lower(), [self._digest(webhook).lower()]):
            raise Unproved("body-hash")
        signature = decode_signature("base64", said.get("signature", ""))
        check_ed25519(key_of("hex", secret), signature, self._message(webhook, self.lines))

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
        return pair_of(new_ed25519(), "hex")
