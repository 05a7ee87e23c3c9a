"""What happens when a customer has paid, or could not: a row in a table, a word to the phones of the shop."""

import os
from typing import Any

from .. import log
from ..actions import insert, notify
from . import Event, GiveUp, on

# `project.dataset.table` in BigQuery, and a topic of Firebase Cloud Messaging; without them both are only logged.
PAYMENTS_TABLE = os.environ.get("PAYMENTS_TABLE")
PAYMENTS_TOPIC = os.environ.get("PAYMENTS_TOPIC")


@on("stripe.payment_intent.succeeded")
def store(event: Event) -> None:
    """Add what was paid to the table of payments."""
    payment = read(event)
    log.write("INFO", f"storing {payment['amount']} {payment['currency']}", event.traceparent, id=event.id)
    if PAYMENTS_TABLE:
        insert(event, PAYMENTS_TABLE, payment | {"received": event.time.isoformat()})


@on("stripe.payment_intent.payment_failed")
def tell(event: Event) -> None:
    """Tell the shop what was not paid."""
    payment = read(event)
    text = f"{payment['amount']} {payment['currency']} not paid"
    log.write("INFO", f"telling the shop: {text}", event.traceparent, id=event.id)
    if PAYMENTS_TOPIC:
        notify(event, "Payment failed", text, topic=PAYMENTS_TOPIC)


def read(event: Event) -> dict[str, Any]:
    """Pick what is of interest, amounts in the smallest unit; what is no payment won't be one next time either."""
    try:
        payment = event.json()["data"]["object"]
        return {name: payment[name] for name in ("id", "amount", "currency")}
    except (KeyError, TypeError) as error:
        raise GiveUp("this is not a payment of Stripe's") from error
