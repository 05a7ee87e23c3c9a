"""Reads what `make redeliver` is told: the options, and the token from the environment."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

from functions.receiver.sources import NAME

from ..ages import age
from .webhooks import APP, Place

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def arguments(description: str, options: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; wrong ones end the program."""
    parser = argparse.ArgumentParser(
        prog="make redeliver", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=source, help="the source of sources.yaml that the webhook sends to")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--repo", dest="place", type=repository, metavar="OWNER/NAME", help="a repository's webhook")
    place.add_argument("--org", dest="place", type=organisation, metavar="NAME", help="an organisation's webhook")
    place.add_argument("--app", dest="place", action="store_const", const=APP, help="an app's webhook")
    parser.add_argument("--hook", type=int, metavar="ID", help="the webhook (or app); else the one that sends there")
    parser.add_argument("--since", type=age, metavar="AGE", help="30m, 2h, 3d; else since the last run, 3 days at most")
    parser.add_argument("--dry-run", action="store_true", help="only list: ask for nothing, note nothing")
    parser.add_argument("--api", type=address, default="https://api.github.com", help="an Enterprise Server's API")
    return parser.parse_args(options)


def token() -> str:
    """The token of GITHUB_TOKEN; without one the program ends."""
    given = os.environ.get("GITHUB_TOKEN", "").strip()
    # An error of the HTTP client about a character that can't be sent would show the whole.
    if not re.fullmatch("[!-~]+", given):
        sys.exit(f"{'something else than a' if given else 'no'} token in the environment variable GITHUB_TOKEN")
    return given


def source(text: str) -> str:
    """The name of a source, which is part of a file's name too."""
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a source")
    return text


def repository(text: str) -> Place:
    """Where the webhooks of `owner/name` are."""
    if not re.fullmatch(r"[\w-]+/(?!\.\.?$)[\w.-]+", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not the owner and the name of a repository, as in octo/hello")
    needs = 'admin access, and the permission "Webhooks" of the repository to read and write or the classic scope repo'
    return Place(f"repos/{text}", f"{needs} (a workflow's own token can't have it)")


def organisation(text: str) -> Place:
    """Where the webhooks of an organisation are."""
    if not re.fullmatch(r"[\w-]+", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of an organisation")
    needs = 'an owner, and the permission "Webhooks" of the organisation to read and write'
    return Place(f"orgs/{text}", f"{needs} or the classic scope admin:org_hook")


def address(text: str) -> str:
    """The address of an API; unencrypted it may only be on this machine."""
    url = urlsplit(text)
    safe = url.scheme == "https" or (url.scheme == "http" and url.hostname in LOOPBACK)
    if not safe or not url.hostname or "@" in url.netloc or url.query or url.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as https://github.example.com/api/v3")
    return text.rstrip("/")
