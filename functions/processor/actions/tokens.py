"""Google's tokens for what an action sends: an ID token says who we are, an access token what we may do."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal

from ..errors import Misconfigured, NotTaken
from .target import Target

Token = Literal["id", "access"]

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
# One try at the metadata server, or wherever else the credentials come from; google-auth's own default is 120 s.
ONE_TRY = 5


def bearer(kind: Token, target: Target) -> Callable[[], Mapping[str, str]]:
    """Return what fetches the headers of a token for a target; Misconfigured at once if it must not have one."""
    if kind not in ("id", "access"):
        raise Misconfigured(f"token is {kind!r}: leave it out, or write 'id' or 'access'")
    if target.scheme != "https":
        raise Misconfigured("a token goes over https only")
    if kind == "access" and not f".{target.host}".endswith(".googleapis.com"):
        raise Misconfigured("an access token opens all of the project, and goes to *.googleapis.com only: write 'id'")
    return functools.partial(_headers, kind, target.origin)


def _headers(kind: Token, audience: str) -> Mapping[str, str]:
    """Fetch a token, unless there is one that still holds; NotTaken if there is none to be had."""
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    headers: dict[str, str] = {}
    try:
        credentials = _credentials(kind, audience if kind == "id" else "")
        if not credentials.valid:
            credentials.refresh(functools.partial(Request(), timeout=ONE_TRY))
        credentials.apply(headers)
    except GoogleAuthError as error:
        raise NotTaken(f"no {kind} token for {audience}: {type(error).__name__}") from error
    return headers


@functools.lru_cache(maxsize=64)
def _credentials(kind: Token, audience: str) -> Any:
    """Find our credentials, which keep their token until it ends.

    https://docs.cloud.google.com/run/docs/authenticating/service-to-service
    https://docs.cloud.google.com/docs/authentication/application-default-credentials
    """
    import google.auth
    from google.oauth2.id_token import fetch_id_token_credentials

    if kind == "access":
        return google.auth.default(scopes=SCOPES)[0]
    return fetch_id_token_credentials(audience)  # type: ignore[no-untyped-call]
