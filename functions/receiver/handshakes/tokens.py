"""Questions that are proved by a verify token, which the source has beside its secret, or which brings the secret."""

from ..answers import OK, Answer, as_json
from ..errors import Malformed, WrongCode
from ..schemes.base import among
from .question import TOKEN, Handshake, Proof, Question, check_token


def _hub_challenge(question: Question) -> Answer:
    # https://developers.facebook.com/docs/graph-api/webhooks/getting-started
    if question.find("query:hub.mode") != "subscribe":
        raise Malformed("challenge")
    check_token(question, "query:hub.verify_token")
    return Answer(200, question.echo("query:hub.challenge"))


def _hub_challenge_json(question: Question) -> Answer:
    # https://developers.strava.com/docs/webhooks/
    return as_json({"hub.challenge": _hub_challenge(question).body})


def _websub_challenge(question: Question) -> Answer:
    # https://www.w3.org/TR/websub/#hub-verifies-intent: the token is in the address that was given to the hub.
    check_token(question, "query:hub.verify_token|query:token")
    if question.find("query:hub.mode") == "denied":
        return OK
    if question.find("query:hub.mode") not in ("subscribe", "unsubscribe"):
        raise Malformed("challenge")
    return Answer(200, question.echo("query:hub.challenge"))


def _verify_code(question: Question) -> Answer:
    # It asks with a wrong code too, and wants 404:
    # https://dev.fitbit.com/build/reference/web-api/developer-guide/using-subscriptions/#Verifying-a-Subscriber
    if (code := question.find("query:verify")) is None:
        raise Malformed("challenge")
    if not among(code, question.secrets):
        raise WrongCode("verify-token")
    return Answer(204)


def _hook_secret(question: Question) -> Answer | None:
    # https://developers.asana.com/docs/webhooks-guide#the-webhook-handshake
    if question.find("header:X-Hook-Secret") is None:
        return None
    check_token(question, "query:token")
    return Answer(200, headers={"X-Hook-Secret": question.echo("header:X-Hook-Secret", TOKEN)})


def _verification_token(question: Question) -> Answer | None:
    # https://developers.notion.com/reference/webhooks#step-2-verifying-the-subscription
    document = question.places.document
    if not isinstance(document, dict) or list(document) != ["verification_token"]:
        return None
    check_token(question, "query:token")
    question.echo("json:verification_token", TOKEN)
    return OK


hub_challenge = Handshake(_hub_challenge, Proof.TOKEN, ("GET",))
hub_challenge_json = Handshake(_hub_challenge_json, Proof.TOKEN, ("GET",))
websub_challenge = Handshake(_websub_challenge, Proof.TOKEN, ("GET",))
verify_code = Handshake(_verify_code, Proof.TOKEN, ("GET",))
hook_secret = Handshake(_hook_secret, Proof.TOKEN, hands_over="header:X-Hook-Secret")
verification_token = Handshake(_verification_token, Proof.TOKEN, hands_over="json:verification_token")
