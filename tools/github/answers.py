"""Reads what GitHub's API answers: a rate limit, a refusal, or what was asked for."""

import re
from typing import TypeVar

import requests
from pydantic import TypeAdapter, ValidationError

Answer = TypeVar("Answer")


class GitHubError(Exception):
    """What went wrong, in words for the user; another request may fare better."""


class Stop(GitHubError):
    """What went wrong, where no other request would fare better."""


def read(kind: type[Answer], answer: requests.Response) -> Answer:
    """Read an answer's JSON as a kind of model."""
    try:
        return TypeAdapter(kind).validate_json(answer.content)
    except ValidationError:
        api = "https://api.github.com, or https://HOST/api/v3 of an Enterprise Server"
        raise Stop(f"{answer.url} does not answer as GitHub's API does; that is at {api}") from None


def rate_limit(answer: requests.Response, now: float) -> float:
    """Seconds to wait because of a rate limit; 0 if the answer speaks of none.

    https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
    """
    if answer.status_code not in (403, 429):
        return 0
    seconds, reset = answer.headers.get("Retry-After", ""), answer.headers.get("X-RateLimit-Reset", "")
    if re.fullmatch("[0-9]{1,6}", seconds):
        return max(1, int(seconds))
    if answer.headers.get("X-RateLimit-Remaining") == "0" and re.fullmatch("[0-9]{1,11}", reset):
        return max(1, int(reset) - now)
    return 60 if answer.status_code == 429 or "rate limit" in answer.text.lower() else 0


def failure(answer: requests.Response, token: str, needs: str) -> GitHubError:
    """Say why GitHub did not do what it was asked, and what the token needs for it."""
    said = _message(answer, token)
    match answer.status_code:
        case 401:
            return Stop(f"GitHub does not accept the token{said}; it takes {needs}")
        case 403:
            return Stop(f"the token may not do this{said}; it takes {needs}")
        case 404:
            return GitHubError(f"not there, or not shown to this token; it takes {needs}")
        case status:
            return GitHubError(f"GitHub answered {status}{said}")


def _message(answer: requests.Response, token: str) -> str:
    try:
        text = str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return ""
    return f" ({''.join(filter(str.isprintable, text.replace(token, '***')[:200]))})"
