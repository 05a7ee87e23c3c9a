"""Questions that anybody may ask: the answer is a constant, or what was sent. What comes after them is proved."""

import re
from collections.abc import Callable

from ..answers import OK, Answer, as_json
from ..errors import WrongMethod
from .question import Handshake, Proof, Question, ok

RATE = re.compile(r"[0-9]{1,6}|\*")


def _okta_challenge(question: Question) -> Answer:
    # https://developer.okta.com/docs/concepts/event-hooks/#one-time-verification-request
    return as_json({"verification": question.echo("header:X-Okta-Verification-Challenge")})


def _adobe_challenge(question: Question) -> Answer:
    # https://developer.adobe.com/events/docs/guides/#the-challenge-request
    return as_json({"challenge": question.echo("query:challenge")})


def _graph_validation(question: Question) -> Answer | None:
    # https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks#notificationurl-validation
    if question.find("query:validationToken") is None:
        return None
    return Answer(200, question.echo("query:validationToken"))


def _event_grid_validation(question: Question) -> Answer | None:
    # https://learn.microsoft.com/en-us/azure/event-grid/end-point-validation-event-grid-events-schema
    # Its validationUrl, for those who can't answer, is never fetched.
    if question.find("header:aeg-event-type") != "SubscriptionValidation":
        return None
    return as_json({"validationResponse": question.echo("json:0.data.validationCode")})


def _webhook_origin(question: Question) -> Answer:
    # https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md#4-abuse-protection
    # Its WebHook-Request-Callback is never fetched.
    origin = question.find("header:WebHook-Request-Origin") or ""
    if origin not in question.origins:
        raise WrongMethod(("POST",))
    headers = {"WebHook-Allowed-Origin": origin, "Allow": "POST"}
    if RATE.fullmatch(rate := question.find("header:WebHook-Request-Rate") or ""):
        headers["WebHook-Allowed-Rate"] = rate
    return Answer(200, headers=headers)


def _monday_challenge(question: Question) -> Answer | None:
    # https://developer.monday.com/api-reference/reference/webhooks#verification
    document = question.places.document
    if not isinstance(document, dict) or list(document) != ["challenge"]:
        return None
    return as_json({"challenge": question.echo("json:challenge")})


def _smartsheet_challenge(question: Question) -> Answer | None:
    # https://developers.smartsheet.com/api/smartsheet/guides/webhooks/webhook-callbacks
    if question.find("header:Smartsheet-Hook-Challenge") is None:
        return None
    return as_json({"smartsheetHookResponse": question.echo("header:Smartsheet-Hook-Challenge")})


def _woo_ping(question: Question) -> Answer | None:
    # https://github.com/woocommerce/woocommerce/blob/trunk/plugins/woocommerce/includes/class-wc-webhook.php
    is_ping = re.fullmatch(rb"webhook_id=[0-9]{1,20}", question.places.webhook.body)
    return OK if is_ping and not question.find("header:X-WC-Webhook-Signature") else None


def _empty_mandrill(question: Question) -> Answer | None:
    # https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/
    # After HEAD it posts no events, signed with a key that everybody knows.
    is_head = question.places.webhook.method == "HEAD"
    return OK if is_head or question.places.webhook.body == b"mandrill_events=%5B%5D" else None


def _echo(place: str) -> Callable[[Question], Answer]:
    return lambda question: Answer(200, question.echo(place))


# https://www.dropbox.com/developers/reference/webhooks, https://developer.nylas.com/docs/v3/notifications/
echo_challenge = Handshake(_echo("query:challenge"), Proof.NONE, ("GET",))
echo_check = Handshake(_echo("query:check"), Proof.NONE, ("GET",))  # https://docs.onfleet.com/reference/webhooks
adobe_challenge = Handshake(_adobe_challenge, Proof.NONE, ("GET",))
okta_challenge = Handshake(_okta_challenge, Proof.NONE, ("GET",))
webhook_origin = Handshake(_webhook_origin, Proof.NONE, ("OPTIONS",), needs=("origins",))
# https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/
head_probe = Handshake(ok, Proof.NONE, ("HEAD",))
empty_mandrill = Handshake(_empty_mandrill, Proof.NONE, ("HEAD", "POST"))
graph_validation = Handshake(_graph_validation, Proof.NONE)
event_grid_validation = Handshake(_event_grid_validation, Proof.NONE)
monday_challenge = Handshake(_monday_challenge, Proof.NONE)
smartsheet_challenge = Handshake(_smartsheet_challenge, Proof.NONE)
woo_ping = Handshake(_woo_ping, Proof.NONE)
