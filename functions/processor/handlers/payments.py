"""What happens when a customer has paid, or could not: replace what the two functions do by your own."""

from .. import log
from . import Event, GiveUp, on


@on("stripe.payment_intent.succeeded")
def ship(event: Event) -> None:
    """Start the delivery of what was paid for; give `event.key` to your own store, so that it does so once."""
    log.write("INFO", f"{amount(event)} paid: shipping", event.traceparent, id=event.id)


@on("stripe.payment_intent.payment_failed")
def remind(event: Event) -> None:
    """Ask the customer for another card."""
    log.write("INFO", f"{amount(event)} not paid: asking for another card", event.traceparent, id=event.id)


def amount(event: Event) -> str:
    """Read what was to be paid, in the currency's smallest unit; what has no amount won't have one next time either."""
    try:
        payment = event.json()["data"]["object"]
        return f"{payment['amount']} {payment['currency']}"
    except (KeyError, TypeError) as error:
        raise GiveUp("this is not a payment of Stripe's") from error
