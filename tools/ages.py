"""Reads an age such as `90s`, `30m`, `2h` or `3d`."""

import argparse
import re
from datetime import timedelta

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def age(text: str) -> timedelta:
    """Read a whole number and its unit; made for argparse, whose ArgumentTypeError says what is allowed."""
    match = re.fullmatch(r"([0-9]{1,5})([smhd])", text)
    if not match or not int(match[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not an age: a number and s, m, h or d, as in 90s, 30m, 2h or 3d")
    return timedelta(**{UNITS[match[2]]: int(match[1])})
