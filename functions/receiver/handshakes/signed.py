"""Questions that are proved as every webhook of their source is, and are answered only then."""

import hmac
import re

from ..answers import OK, Answer, as_json
from .question import TOKEN, Handshake, Question, ok

CONFIRMATION = re.compile(
    r"https://sns\.[a-z0-9-]{3,30}\.amazonaws\.com(?:\.cn)?/\?Action=ConfirmSubscription&[!-~]{1,2000}"
)


def _url_verification(question: Question) -> Answer | None:
    # https://docs.slack.dev/reference/events/url_verification
    if question.find("json:type") != "url_verification":
        return None
    return as_json({"challenge": question.echo("json:challenge")})


def _url_validation(question: Question) -> Answer | None:
    # https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint
    if question.find("json:event") != "endpoint.url_validation":
        return None
    # Events are signed with the same key as v0:{timestamp}:{body}; a token without a colon is never such a text.
    plain = question.echo("json:payload.plainToken", TOKEN)
    digest = hmac.digest(question.secrets[0].encode(), plain.encode(), "sha256").hex()
    return as_json({"plainToken": plain, "encryptedToken": digest})


def _event_ping(question: Question) -> Answer | None:
    # https://docs.discord.com/developers/events/webhook-events#preparing-for-events
    return Answer(204) if question.find("json:type") == "0" else None


def _interaction_ping(question: Question) -> Answer | None:
    # https://docs.discord.com/developers/interactions/overview#setting-up-an-endpoint
    return as_json({"type": 1}) if question.find("json:type") == "1" else None


def _eventsub(question: Question) -> Answer | None:
    # https://dev.twitch.tv/docs/eventsub/handling-webhook-events/#responding-to-a-challenge-request
    if question.find("header:Twitch-Eventsub-Message-Type") != "webhook_callback_verification":
        return None
    return Answer(200, question.echo("json:challenge"))


def _front_challenge(question: Question) -> Answer | None:
    # https://dev.frontapp.com/docs/application-webhooks
    if question.find("header:X-Front-Challenge") is None:
        return None
    return as_json({"challenge": question.echo("header:X-Front-Challenge")})


def _sns_confirmation(question: Question) -> Answer | None:
    # https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.prepare.html
    if question.find("json:Type") != "SubscriptionConfirmation":
        return None
    return Answer(200, visit=question.echo("json:SubscribeURL", CONFIRMATION))


def _empty_events(question: Question) -> Answer | None:
    # https://developer.xero.com/documentation/guides/webhooks/configuring-your-server/
    # https://developers.line.biz/en/docs/messaging-api/verify-webhook-url/
    document = question.places.document
    return OK if isinstance(document, dict) and document.get("events") == [] else None


def _client_id(question: Question) -> Answer:
    # https://opensource.adobe.com/acrobat-sign/acrobat_sign_events/webhookapis.html
    return as_json({"xAdobeSignClientId": question.echo("header:X-AdobeSign-ClientId")})


def ping_event(place: str, value: str, answer: Answer = OK) -> Handshake:
    """A check that is signed like an event, with `value` at a place where events have something else."""
    return Handshake(lambda question: answer if question.find(place) == value else None)


url_verification = Handshake(_url_verification)
url_validation = Handshake(_url_validation)
event_ping = Handshake(_event_ping)
interaction_ping = Handshake(_interaction_ping)
# https://docs.github.com/en/webhooks/webhook-events-and-payloads#ping
github_ping = ping_event("header:X-GitHub-Event", "ping")
# https://developers.google.com/workspace/drive/api/guides/push#sync-message
channel_sync = ping_event("header:X-Goog-Resource-State", "sync")
eventsub = Handshake(_eventsub)
front_challenge = Handshake(_front_challenge)
sns_confirmation = Handshake(_sns_confirmation)
empty_events = Handshake(_empty_events)
client_id = Handshake(_client_id, methods=("GET",))
# https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/
get_probe = Handshake(ok, methods=("GET",))
