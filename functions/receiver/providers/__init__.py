"""Every provider known, a row each, in files by category."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from . import business, cloud, commerce, developer, email, identity, messaging, payments, productivity, standards
from .later import Later
from .row import Provider

CATEGORIES = (business, cloud, commerce, developer, email, identity, messaging, payments, productivity, standards)


class Providers(Mapping[str, Provider]):
    """The rows by name, each with its scheme made when it is first looked up."""

    def __init__(self) -> None:
        self._rows: dict[str, Provider] = {
            name: row for category in CATEGORIES for name, row in category.PROVIDERS.items()
        }

    def __getitem__(self, name: str) -> Provider:
        row = self._rows[name]
        if isinstance(row.scheme, Later):
            row = self._rows[name] = replace(row, scheme=row.scheme.made())
        return row

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


PROVIDERS = Providers()

__all__ = ["PROVIDERS", "Provider"]
