"""Reads what every verb is told: the project, the region, and what gcloud is configured to use without them."""

import argparse
import os
import re

from functions.receiver.errors import Misconfigured
from functions.receiver.sources import Sources, load

from ..local import YOURS
from .gcloud import Trouble, setting

# https://docs.cloud.google.com/resource-manager/docs/creating-managing-projects
PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")


def parser(verb: str, description: str | None, region: bool = False) -> argparse.ArgumentParser:
    """Make the parser of a verb, with what it is told about where to work."""
    made = argparse.ArgumentParser(prog=f"make {verb}", description=description)
    made.add_argument("--project", default="", help="its id (make: PROJECT=); else gcloud's own")
    if region:
        made.add_argument("--region", default="", help="such as europe-west1 (make: REGION=); else gcloud's own")
    return made


def project_of(arguments: argparse.Namespace, ask: bool = True) -> str:
    """Return the project to work in; Trouble if nobody says which. `ask` is whether gcloud may be asked."""
    found = arguments.project or (setting("project") if ask else "")
    if not found:
        raise Trouble("PROJECT is not set: add PROJECT=its-id, or run `gcloud config set project its-id`")
    if not PROJECT.fullmatch(found):
        raise Trouble(f"PROJECT is {found!r}, which is not the id of a project, such as acme-webhooks")
    return str(found)


def region_of(arguments: argparse.Namespace, ask: bool = True) -> str:
    """Return the region to work in; Trouble if nobody says which. `ask` is whether gcloud may be asked.

    It is asked for `run/region`: `functions/region` is us-central1 where nobody has said so.
    """
    found = arguments.region or (setting("run/region") if ask else "")
    if not found:
        raise Trouble("REGION is not set: add REGION=europe-west1, or run `gcloud config set run/region ...`")
    if not REGION.fullmatch(found):
        raise Trouble(f"REGION is {found!r}, which is not the name of a region, such as europe-west1")
    return str(found)


def your_sources() -> Sources:
    """Read functions/receiver/sources.yaml, or the file of SOURCES; Trouble if it is wrong."""
    try:
        return load(os.environ.get("SOURCES") or YOURS)
    except Misconfigured as error:
        raise Trouble(str(error)) from None
