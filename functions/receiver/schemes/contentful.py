"""Contentful: a keyed hash of the whole request, line by line."""

from dataclasses import dataclass
from urllib.parse import quote

from ..errors import Unproved
from ..webhook import Webhook
from .base import IN_BODY, with_headers
from .mac import Mac
from .template import path_and_query
from .times import check_time

MOST_HEADERS = 30


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
