"""Asks GitHub again for the deliveries that failed: by itself it never sends one again.

The token is in the environment variable GITHUB_TOKEN. It must be allowed to write the webhooks of the repository or
of the organisation; for an app it is a JWT of the app.
"""

import argparse
import sys
import time
from datetime import UTC, datetime

from tabulate import tabulate
from tqdm import tqdm

from . import local
from .github import options
from .github.answers import GitHubError, Stop
from .github.client import Client
from .github.deliveries import Delivery
from .github.notebook import Notebook
from .github.webhooks import Webhook, kept

FEW = 10  # so many need neither a pause nor a bar
# https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#pause-between-mutative-requests
PAUSE = 1.0


def main() -> int:
    """List, ask, and print what came of it; 1 if something could not be asked for."""
    arguments = options.arguments(str(__doc__))
    client = Client(arguments.api, options.token(), arguments.place.needs)
    try:
        return _redeliver(arguments, _choose(arguments, list(arguments.place.webhooks(client))))
    except GitHubError as error:
        sys.exit(f"{arguments.place.path}: {error}")
    except OSError as error:
        sys.exit(f"what is asked for can't be noted, so nothing more is asked for: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; what was asked for is noted, and the next run asks for the rest")


def _redeliver(arguments: argparse.Namespace, webhook: Webhook) -> int:
    now = datetime.now(UTC)
    key = f"{arguments.api}/{arguments.place.path}/{webhook.id}".lower()
    notebook = Notebook(local.FOLDER / f"redeliver-{arguments.source}.json", key)
    oldest = now - kept(arguments.api)
    horizon = now - arguments.since if arguments.since else oldest
    start = horizon if arguments.since else max(horizon, notebook.checkpoint.since or horizon)
    listed = webhook.deliveries(start)
    checkpoint = notebook.checkpoint.after(listed, start, min(oldest, horizon))
    failing = [delivery for delivery in checkpoint.failing.values() if delivery.delivered_at >= horizon]
    wanted = [delivery for delivery in failing if not checkpoint.is_under_way(delivery, now)]
    _print(wanted)
    counts = f"{len(failing) - len(wanted)} under way, {len(listed)} listed since {start:%Y-%m-%d %H:%M:%S} UTC"
    if arguments.dry_run:
        print(f"{len(wanted)} would be asked for, {counts}")
        return 0
    notebook.keep(checkpoint)  # first, so that nothing is asked for where it can't be noted
    asked = _ask(webhook, wanted, notebook)
    print(f"{asked} asked for, {len(wanted) - asked} could not be, {counts}")
    return int(asked < len(wanted))


def _ask(webhook: Webhook, wanted: list[Delivery], notebook: Notebook) -> int:
    asked = 0
    for delivery in tqdm(wanted, disable=len(wanted) <= FEW, unit=" deliveries"):
        try:
            webhook.redeliver(delivery)
        except GitHubError as error:
            tqdm.write(f"{delivery.guid}: {error}", file=sys.stderr)
            if isinstance(error, Stop):
                break
        else:
            notebook.note(delivery, datetime.now(UTC))
            asked += 1
        time.sleep(PAUSE if len(wanted) > FEW else 0)
    return asked


def _print(wanted: list[Delivery]) -> None:
    rows = [(f"{d.delivered_at:%Y-%m-%d %H:%M:%S}", d.name, d.status_code or d.status, d.guid) for d in wanted]
    if rows:
        print(tabulate(rows, ["time (UTC)", "event", "status", "guid"]), end="\n\n", flush=True)


def _choose(arguments: argparse.Namespace, webhooks: list[Webhook]) -> Webhook:
    number, path = arguments.hook, f"/{arguments.source}"
    found = [w for w in webhooks if (w.sends_to(path) if number is None else w.id == number)]
    if len(found) == 1:
        return found[0]
    missing = f"{len(found) or 'no'} webhooks to {path}" if number is None else f"no webhook {number}"
    there = ", ".join(f"{webhook.id} {webhook.address}" for webhook in webhooks) or "none"
    sys.exit(f"{arguments.place.path}: {missing}; there are: {there}; choose with --hook ID (make: HOOK=ID)")


if __name__ == "__main__":
    sys.exit(main())
