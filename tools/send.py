"""Sends a sample as its provider does: signed, to a receiver that runs here or elsewhere."""

import argparse
import os
import sys
from dataclasses import replace

import requests
from tqdm import tqdm

from functions.receiver.sources import Source, load
from functions.receiver.webhook import Webhook

from . import local, samples
from .local import signing_key


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
        sys.exit(f"no secret of {source.name}: start `make run` first, or set {signing_key(source)}")
    sample = samples.find(source, arguments.event)
    failed = 0
    with requests.Session() as session:
        for _ in tqdm(range(arguments.count), disable=arguments.count == 1, unit=" webhooks"):
            webhook = samples.fresh(sample, source)
            webhook = replace(webhook, url=source.public_url or f"{url}/{source.name}")
            signed = source.provider.scheme.sign(webhook, secret) if source.provider.scheme else webhook
            failed += not _post(session, url, source, signed, quiet=arguments.count > 1)
    if failed:
        print(f"{failed} of {arguments.count} were no success", file=sys.stderr)
    return min(failed, 1)


def _post(session: requests.Session, url: str, source: Source, webhook: Webhook, quiet: bool) -> bool:
    address = f"{url}/{source.name}{'?' if webhook.query else ''}{webhook.query}"
    try:
        answer = session.post(
            address, data=webhook.body, headers=dict(webhook.headers), timeout=15, allow_redirects=False
        )
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
