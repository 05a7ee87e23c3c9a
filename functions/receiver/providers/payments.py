"""Payments and billing."""

from ..schemes import Timestamped
from .row import Provider

PROVIDERS = {
    "stripe": Provider(
        Timestamped("Stripe-Signature"),
        type="json:type",
        id="json:id",
        subject="json:data.object.id",
        docs="https://docs.stripe.com/webhooks/signature",
    ),
}
