"""Questions of strangers that are answered with a hash, which only who has the secret can check.

Where events are signed with the same key, nothing is ever hashed here that an event could be signed as.
"""

import base64
import hashlib
import hmac
import re

from ..answers import Answer, as_json
from .question import TOKEN, Handshake, Proof, Question

UUID = re.compile(r"[0-9a-fA-F-]{36}")


def _crc(question: Question) -> Answer:
    # https://docs.x.com/x-api/webhooks/introduction#the-challenge-response-check-crc
    token = question.echo("query:crc_token", TOKEN)
    digest = base64.b64encode(hmac.digest(question.secrets[0].encode(), token.encode(), "sha256")).decode()
    return as_json({"response_token": f"sha256={digest}"})


def _challenge_code(question: Question) -> Answer:
    # https://developer.ebay.com/marketplace-account-deletion
    code, token = question.echo("query:challenge_code", TOKEN), question.secrets[0]
    url = question.places.webhook.url.partition("?")[0]
    return as_json({"challengeResponse": hashlib.sha256(f"{code}{token}{url}".encode()).hexdigest()})


def _bt_challenge(question: Question) -> Answer:
    # https://developer.paypal.com/braintree/docs/guides/webhooks/create
    from ..schemes.braintree import CHALLENGE, Braintree  # loaded only for who needs it
    from ..schemes.encoding import pair

    # Payloads are signed with the same key; the scheme refuses one that looks like this.
    code = question.echo("query:bt_challenge", CHALLENGE)
    public, private = pair(question.secrets[0])
    return Answer(200, f"{public}|{Braintree.mac(private, code)}")


def _linkedin_challenge(question: Question) -> Answer:
    # https://learn.microsoft.com/en-us/linkedin/shared/api-guide/webhook-validation
    # Events are signed with the same key as hmacsha256={body}; a UUID is never such a text.
    code = question.echo("query:challengeCode", UUID)
    digest = hmac.digest(question.secrets[0].encode(), code.encode(), "sha256").hex()
    return as_json({"challengeCode": code, "challengeResponse": digest})


crc = Handshake(_crc, Proof.HASH, ("GET",), signs=TOKEN)
bt_challenge = Handshake(_bt_challenge, Proof.HASH, ("GET",))
linkedin_challenge = Handshake(_linkedin_challenge, Proof.HASH, ("GET",))
challenge_code = Handshake(_challenge_code, Proof.HASH_OF_TOKEN, ("GET",), needs=("public_url",))
