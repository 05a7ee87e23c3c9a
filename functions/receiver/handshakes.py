"""The questions senders ask before they trust an endpoint, and our answers."""

import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .answers import OK, Answer, as_json
from .errors import Malformed, Unproved
from .places import Places
from .schemes import Key
from .schemes.base import among

# What may be echoed: nothing that a browser or a template could take for more than text.
ECHO = re.compile(r"[\x21\x23-\x25\x28-\x3b\x3d\x3f-\x7e]{1,1024}")
# What may be signed for a stranger: too short, and of too few characters, to be a body or what is signed with one.
TOKEN = re.compile(r"[A-Za-z0-9_.~+/=-]{1,128}")


@dataclass(frozen=True, slots=True)
class Handshake:
    """A question of a sender: `reply` gives the answer, or None where the webhook is no such question.

    By `token`, a GET is proved by the verify token in its query; else the question is signed like any webhook, and is
    answered only when its proof holds. `reply` gets the key that proved it, or all verify tokens.
    """

    reply: Callable[[Places, Sequence[Key]], Answer | None]
    token: bool = False


def _url_verification(places: Places, keys: Sequence[Key]) -> Answer | None:
    # https://docs.slack.dev/reference/events/url_verification
    if places.find("json:type") != "url_verification":
        return None
    return as_json({"challenge": _matching(ECHO, places.find("json:challenge"))})


def _hub_challenge(places: Places, tokens: Sequence[Key]) -> Answer | None:
    # https://developers.facebook.com/docs/graph-api/webhooks/getting-started
    if places.find("query:hub.mode") != "subscribe":
        raise Malformed("challenge")
    token = places.find("query:hub.verify_token")
    if token is None or not among(token, [key.secret for key in tokens]):
        raise Unproved("verify-token")
    return Answer(200, _matching(ECHO, places.find("query:hub.challenge")))


def _url_validation(places: Places, keys: Sequence[Key]) -> Answer | None:
    # https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint
    if places.find("json:event") != "endpoint.url_validation":
        return None
    # Events are signed with the same key as v0:{timestamp}:{body}; a token without a colon is never such a text.
    plain = _matching(TOKEN, places.find("json:payload.plainToken"))
    digest = hmac.digest(keys[0].secret.encode(), plain.encode(), "sha256").hex()
    return as_json({"plainToken": plain, "encryptedToken": digest})


def _event_ping(places: Places, keys: Sequence[Key]) -> Answer | None:
    # https://docs.discord.com/developers/events/webhook-events#preparing-for-events
    return Answer(204) if places.find("json:type") == "0" else None


def _interaction_ping(places: Places, keys: Sequence[Key]) -> Answer | None:
    # https://docs.discord.com/developers/interactions/overview#setting-up-an-endpoint
    return as_json({"type": 1}) if places.find("json:type") == "1" else None


def _github_ping(places: Places, keys: Sequence[Key]) -> Answer | None:
    # https://docs.github.com/en/webhooks/webhook-events-and-payloads#ping
    return OK if places.find("header:X-GitHub-Event") == "ping" else None


url_verification = Handshake(_url_verification)
hub_challenge = Handshake(_hub_challenge, token=True)
url_validation = Handshake(_url_validation)
event_ping = Handshake(_event_ping)
interaction_ping = Handshake(_interaction_ping)
github_ping = Handshake(_github_ping)


def _matching(pattern: re.Pattern[str], value: str | None) -> str:
    if value is None or not pattern.fullmatch(value):
        raise Malformed("challenge")
    return value
