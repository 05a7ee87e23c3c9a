"""Sends a sample as its provider does: signed, to a receiver that runs here or elsewhere."""

import argparse
import os
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import requests
from tqdm import tqdm

from functions.receiver.places import Places
from functions.receiver.schemes.base import with_headers
from functions.receiver.sources import Source, load
from functions.receiver.webhook import Webhook

from . import local

SAMPLES = Path("samples")
TYPES = {".json": "application/json", ".form": "application/x-www-form-urlencoded"}


def main() -> int:
    """Send, print status and answer; 1 if one of them was no success."""
    arguments = _arguments()
    url = arguments.url.rstrip("/")
    sources = load(local.sources_file(url))
    if arguments.source not in sources:
        sys.exit(f"no source {arguments.source} in sources.yaml; there are {', '.join(sources)}")
    source = sources[arguments.source]
    try:
        secret = local.DemoKeys().for_sender(source) if source.provider.scheme else ""
    except KeyError:
        sys.exit(f"no secret of {source.name}: start `make run` first, or set {local.variable(source.name)}")
    sample = find_sample(source, arguments.event)
    failed = 0
    with requests.Session() as session:
        for _ in tqdm(range(arguments.count), disable=arguments.count == 1, unit=" webhooks"):
            webhook = fresh(sample, source)
            webhook = replace(webhook, url=source.public_url or f"{url}/{source.name}")
            signed = source.provider.scheme.sign(webhook, secret) if source.provider.scheme else webhook
            failed += not _post(session, url, source, signed, quiet=arguments.count > 1)
    if failed:
        print(f"{failed} of {arguments.count} were no success", file=sys.stderr)
    return min(failed, 1)


def find_sample(source: Source, event: str) -> Webhook:
    """The sample of an event, or the first there is; it ends the program with the list if there is no such one."""
    folder = SAMPLES / source.prefix
    there = {str(file.relative_to(folder).with_suffix("")): file for file in sorted(folder.rglob("*.*"))}
    if not there:
        sys.exit(f"no samples of {source.prefix} in {SAMPLES}/")
    if event and event not in there:
        sys.exit(f"no sample {event} of {source.prefix}; there are {', '.join(there)}")
    event = event or next(iter(there))
    file = there[event]
    webhook = Webhook(file.read_bytes(), {"content-type": TYPES[file.suffix]})
    kind, _, name = source.provider.type.partition(":")
    return with_headers(webhook, **{name: event}) if kind == "header" else webhook


def fresh(webhook: Webhook, source: Source) -> Webhook:
    """Give a sample an id of its own, where the provider has it; all other bytes stay as they are."""
    places = (source.provider.id,) if isinstance(source.provider.id, str) else source.provider.id
    for place in places:
        kind, _, name = place.partition(":")
        if kind == "header" and not webhook.header(name):
            webhook = with_headers(webhook, **{name: str(uuid.uuid4())})
        elif kind == "json" and (old := Places(webhook).find(place)):
            webhook = replace(webhook, body=webhook.body.replace(old.encode(), _another(old).encode()))
    return webhook


def _another(number: str) -> str:
    """An id of the same kind and length."""
    if number.isdigit():
        return f"{uuid.uuid4().int:039}"[-len(number) + 1 :].rjust(len(number), number[0])
    return number[:-8] + uuid.uuid4().hex[:8]


def _post(session: requests.Session, url: str, source: Source, webhook: Webhook, quiet: bool) -> bool:
    address = f"{url}/{source.name}{'?' if webhook.query else ''}{webhook.query}"
    headers = dict(webhook.headers)
    try:
        answer = session.post(address, data=webhook.body, headers=headers, timeout=15, allow_redirects=False)
    except requests.RequestException as error:
        sys.exit(f"no answer from {url}: {type(error).__name__}; is `make run` running?")
    if not quiet or not answer.ok:
        tqdm.write(f"{answer.status_code} {answer.reason} {answer.text}".rstrip())
    return answer.status_code in range(200, 300)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make send", description=__doc__)
    parser.add_argument("source", help="a source of sources.yaml, or a known provider")
    parser.add_argument("--event", default="", help="a sample of samples/<provider>/")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--url", default=f"http://127.0.0.1:{os.environ.get('PORT', '8080')}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
