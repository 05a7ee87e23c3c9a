"""The questions senders ask before they trust an endpoint, and our answers, by what proves them."""

from .hashes import bt_challenge, challenge_code, crc, linkedin_challenge
from .question import Handshake, Proof, Question
from .signed import (
    channel_sync,
    client_id,
    empty_events,
    event_ping,
    eventsub,
    front_challenge,
    get_probe,
    github_ping,
    interaction_ping,
    ping_event,
    sns_confirmation,
    url_validation,
    url_verification,
)
from .strangers import (
    adobe_challenge,
    echo_challenge,
    echo_check,
    empty_mandrill,
    event_grid_validation,
    graph_validation,
    head_probe,
    monday_challenge,
    okta_challenge,
    smartsheet_challenge,
    webhook_origin,
    woo_ping,
)
from .tokens import hook_secret, hub_challenge, hub_challenge_json, verification_token, verify_code, websub_challenge
