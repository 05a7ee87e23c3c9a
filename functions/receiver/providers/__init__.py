"""Every provider known, a row each, in files by category."""

from collections import ChainMap
from collections.abc import Mapping

from . import commerce, developer, messaging, payments, standards
from .row import Provider

PROVIDERS: Mapping[str, Provider] = ChainMap(
    commerce.PROVIDERS, developer.PROVIDERS, messaging.PROVIDERS, payments.PROVIDERS, standards.PROVIDERS
)

__all__ = ["PROVIDERS", "Provider"]
