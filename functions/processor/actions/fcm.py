"""Pushes a notification to phones and browsers, over Firebase Cloud Messaging."""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ..errors import Misconfigured
from ..event import Event
from .api import call

API = "https://fcm.googleapis.com"


def notify(
    event: Event,
    title: str,
    body: str,
    *,
    topic: str = "",
    device: str = "",
    condition: str = "",
    data: Mapping[str, str] | None = None,
    project: str = "",
    timeout: float = 30,
) -> None:
    """Show a notification on one device, by its registration token, or on all that follow a topic or a condition.

    `data` goes to the app, with `event.key` as `event_key`: FCM knows no idempotency key, so an app that must not do a
    thing twice looks there. On the screen a repetition takes the place of the first. `project` is that of Firebase,
    PROJECT where it is left out; the function's service account needs `roles/firebasecloudmessaging.admin` there.

    GiveUp for what FCM refuses, as a device that is gone (UNREGISTERED); NotTaken, so that the event comes again, for
    what may pass; `timeout` is in seconds, and never more than the event has left.
    https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send
    https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
    """
    to = {name: value for name, value in (("topic", topic), ("token", device), ("condition", condition)) if value}
    if len(to) != 1:
        raise Misconfigured("write one of topic, device and condition")
    message = {**to, "notification": {"title": title, "body": body}, **_once(event.key, data or {})}
    call(event, _url(project or os.environ.get("PROJECT", "")), {"message": message}, timeout=timeout)


def _url(project: str) -> str:
    if not project:
        raise Misconfigured("project: write that of Firebase, or set PROJECT")
    return f"{API}/v1/projects/{quote(project, safe='')}/messages:send"


def _once(key: str, data: Mapping[str, str]) -> Mapping[str, Any]:
    """Name the notification on each platform, so that a repetition replaces it.

    Not by Android's collapse_key: notifications ignore it, and FCM keeps only four of them for a device.
    https://firebase.google.com/docs/cloud-messaging/customize-messages/collapsible-message-types
    """
    return {
        "data": {**data, "event_key": key},
        "android": {"notification": {"tag": key}},
        "apns": {"headers": {"apns-collapse-id": key}},  # 64 bytes at most, which a key has
        "webpush": {"notification": {"tag": key}},
    }
