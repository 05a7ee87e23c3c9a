"""Mercado Pago: a keyed hash of two ids and the time, and of nothing in the body."""

from dataclasses import dataclass, replace

from ..errors import Unproved
from ..webhook import Webhook
from .timestamped import Timestamped


@dataclass(frozen=True, slots=True)
class MercadoPago(Timestamped):
    """The id in the query, the id of the request and the time; a part that is missing is left out with its name.

    Its page wants the id in lower case, its library signs it as it is written: both are tried.
    https://www.mercadopago.com.br/developers/en/docs/your-integrations/notifications/webhooks
    """

    timestamp: str = "ts"
    signs: str = "[id:{query:data.id};][request-id:{header:x-request-id};]ts:{timestamp};"

    def _verify(self, group: str, webhook: Webhook, secret: str) -> None:
        lower = replace(webhook, query=webhook.query.lower())
        for spelled in (lower, webhook):
            try:
                return Timestamped._verify(self, group, spelled, secret)
            except Unproved as refusal:
                last = refusal
        raise last
