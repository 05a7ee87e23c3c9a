"""How senders prove who they are: each scheme can sign a webhook and verify one.

A scheme is a value: its parameters say what a provider does differently. `verify` returns when the proof holds and
raises Unproved with a reason code when it does not; nothing else leaves it (see `prove`).
"""

from .asymmetric import Ed25519
from .base import Key, Scheme, prove
from .mac import Hmac, Timestamped
from .shared import Basic, Token
from .standard import StandardWebhooks
from .urlform import UrlForm

# The names that `verify:` in sources.yaml knows them by.
SCHEMES: dict[str, type[Scheme]] = {
    "basic": Basic,
    "ed25519": Ed25519,
    "hmac": Hmac,
    "standard-webhooks": StandardWebhooks,
    "timestamped": Timestamped,
    "token": Token,
    "url-form": UrlForm,
}

__all__ = [
    "SCHEMES",
    "Basic",
    "Ed25519",
    "Hmac",
    "Key",
    "Scheme",
    "StandardWebhooks",
    "Timestamped",
    "Token",
    "UrlForm",
    "prove",
]
