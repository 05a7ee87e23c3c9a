"""Yours: every file here is found by itself, and starts with `from . import Event, GiveUp, on`."""

from ..errors import GiveUp
from ..event import Event
from ..router import on

__all__ = ["Event", "GiveUp", "on"]
