"""Calls an API of Google's: JSON, with an access token of the function's own service account."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..event import Event
from .post import Answer, Request, post
from .target import Target
from .tokens import bearer

# An answer about one row or one message is a few hundred bytes.
LARGEST = 64 * 1024


def call(
    event: Event,
    url: str,
    message: Mapping[str, Any],
    *,
    timeout: float,
    emulated: bool = False,
    check: Callable[[Answer], object] = lambda answer: None,
) -> None:
    """Post a message to an API, without a token where it is emulated; what is raised is what `post` raises.

    A name of Google's may lead to an address of one's own network: a VPC can give it one.
    """
    target = Target.of(url, allow_private=True)
    request = Request(
        target=target,
        body=json.dumps(message).encode(),
        headers={"Content-Type": "application/json"},
        authorize=dict if emulated else bearer("access", target),
        allow_private=True,
        timeout=timeout,
        reads=LARGEST,
    )
    post(event, request, check)
