"""Ready-made work for handlers: send an event on, store a row, push to a phone."""

from .bigquery import insert
from .fcm import notify
from .relay import relay

__all__ = ["insert", "notify", "relay"]
