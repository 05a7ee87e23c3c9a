"""How senders prove who they are: each scheme can sign a webhook and verify one.

A scheme is a value: its parameters say what a provider does differently. `verify` returns when the proof holds and
raises Unproved with a reason code when it does not; nothing else leaves it (see `prove`). Its module is loaded when a
source first needs it: cold starts pay for every import.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .base import Key, Publishes, Scheme, locate, prove

if TYPE_CHECKING:
    from .adobe import AdobeIo
    from .adyen import Adyen
    from .braintree import Braintree
    from .contentful import Contentful
    from .detached import DetachedJws
    from .ebay import Ebay
    from .ecdsa import Ecdsa
    from .ed25519 import Ed25519
    from .httpsignature import HttpSignature
    from .keyset import Jwks, Plaid
    from .mac import Hmac
    from .mercadopago import MercadoPago
    from .parameters import SortedParameters
    from .paypal import PayPal
    from .plivo import Plivo
    from .rsa import Rsa
    from .shared import Basic, Token
    from .sinch import SinchApplication
    from .sns import Sns
    from .standard import StandardWebhooks
    from .timestamped import Timestamped
    from .urlform import UrlForm
    from .websub import WebSub
    from .webtoken import Jwt

MODULES = {
    "AdobeIo": "adobe",
    "Adyen": "adyen",
    "Basic": "shared",
    "Braintree": "braintree",
    "Contentful": "contentful",
    "DetachedJws": "detached",
    "Ebay": "ebay",
    "Ecdsa": "ecdsa",
    "Ed25519": "ed25519",
    "Hmac": "mac",
    "HttpSignature": "httpsignature",
    "Jwks": "keyset",
    "Jwt": "webtoken",
    "MercadoPago": "mercadopago",
    "PayPal": "paypal",
    "Plaid": "keyset",
    "Plivo": "plivo",
    "Rsa": "rsa",
    "SinchApplication": "sinch",
    "Sns": "sns",
    "SortedParameters": "parameters",
    "StandardWebhooks": "standard",
    "Timestamped": "timestamped",
    "Token": "shared",
    "UrlForm": "urlform",
    "WebSub": "websub",
}


def __getattr__(name: str) -> Any:
    """Load a scheme."""
    if name not in MODULES:
        raise AttributeError(name)
    return getattr(import_module(f".{MODULES[name]}", __name__), name)


class Schemes(Mapping[str, type[Scheme]]):
    """The schemes that `verify:` in sources.yaml knows by name: all that take parameters.

    What only one provider does is not among them: name the provider.
    """

    names: Mapping[str, str] = {
        "basic": "Basic",
        "detached-jws": "DetachedJws",
        "ecdsa": "Ecdsa",
        "ed25519": "Ed25519",
        "hmac": "Hmac",
        "http-signature": "HttpSignature",
        "jwks": "Jwks",
        "jwt": "Jwt",
        "rsa": "Rsa",
        "sorted-parameters": "SortedParameters",
        "standard-webhooks": "StandardWebhooks",
        "timestamped": "Timestamped",
        "token": "Token",
        "url-form": "UrlForm",
        "websub": "WebSub",
    }

    def __getitem__(self, name: str) -> type[Scheme]:
        found: type[Scheme] = __getattr__(self.names[name])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


SCHEMES = Schemes()
