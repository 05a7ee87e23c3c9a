"""Prints what to paste into each sender's form."""

import argparse
import re
import sys
from collections.abc import Sequence

from functions.receiver.sources import Sources

from .gcloud import Gcloud, Trouble
from .names import RECEIVER
from .options import parser, project_of, region_of, your_sources

BASE = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]+)?/?")


def main(options: Sequence[str] | None = None) -> int:
    """Print a line for each source."""
    made = parser("url", __doc__, region=True)
    made.add_argument("--url", type=_base, help="where you have the receiver, if not at its own address")
    arguments = made.parse_args(options)
    try:
        sources, base = your_sources(), arguments.url or ""
        if not base and not all(source.public_url for source in sources.values()):
            region = region_of(arguments)
            base = asked(Gcloud(project_of(arguments)), region)
    except Trouble as error:
        sys.exit(f"url: {error}")
    print(*lines(sources, base), sep="\n")
    return 0


def lines(sources: Sources, base: str) -> list[str]:
    """Write a source and its URL: the one that it is known by in sources.yaml, or its path at `base`."""
    width = max(map(len, sources), default=0)
    return [f"{name:<{width}}  {source.public_url or f'{base}/{name}'}" for name, source in sources.items()]


def asked(gcloud: Gcloud, region: str) -> str:
    """Ask for the receiver's address; Trouble if it is not there."""
    found = gcloud.find(f"functions describe {RECEIVER} --gen2 --region={region} '--format=value(serviceConfig.uri)'")
    if not found:
        raise Trouble(f"there is no {RECEIVER} of {gcloud.project} in {region}: run `make deploy`, or add URL=")
    return found.rstrip("/")


def _base(text: str) -> str:
    if not BASE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as https://hooks.example.com")
    return text.rstrip("/")


if __name__ == "__main__":
    sys.exit(main())
