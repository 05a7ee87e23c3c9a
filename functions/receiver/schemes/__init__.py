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
    from .asymmetric import Ecdsa, Ed25519, Rsa
    from .canonical import Contentful, HttpSignature, SinchApplication
    from .detached import DetachedJws
    from .ebay import Ebay
    from .fields import Adyen, Braintree, MercadoPago
    from .keyset import Jwks, Plaid
    from .mac import Hmac, Timestamped
    from .paypal import PayPal
    from .shared import Basic, Token
    from .sns import Sns
    from .standard import StandardWebhooks
    from .urlform import Plivo, SortedParameters, UrlForm
    from .websub import WebSub
    from .webtoken import Jwt

MODULES = {
    "adobe": ("AdobeIo",),
    "asymmetric": ("Ecdsa", "Ed25519", "Rsa"),
    "canonical": ("Contentful", "HttpSignature", "SinchApplication"),
    "detached": ("DetachedJws",),
    "ebay": ("Ebay",),
    "fields": ("Adyen", "Braintree", "MercadoPago"),
    "keyset": ("Jwks", "Plaid"),
    "mac": ("Hmac", "Timestamped"),
    "paypal": ("PayPal",),
    "shared": ("Basic", "Token"),
    "sns": ("Sns",),
    "standard": ("StandardWebhooks",),
    "urlform": ("Plivo", "SortedParameters", "UrlForm"),
    "websub": ("WebSub",),
    "webtoken": ("Jwt",),
}


def __getattr__(name: str) -> Any:
    """Load a scheme."""
    for module, names in MODULES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(name)


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
