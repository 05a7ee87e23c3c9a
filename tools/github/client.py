"""Sends requests to GitHub's REST API, and to no other host."""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.util import Retry

from .answers import Answer, GitHubError, Stop, failure, rate_limit, read

HEADERS = {
    "Accept": "application/vnd.github+json",
    "User-Agent": "surehook",
    # The version that every Enterprise Server knows: https://docs.github.com/rest/about-the-rest-api/api-versions
    "X-GitHub-Api-Version": "2022-11-28",
}
TIMEOUT = (5, 15)  # seconds to connect and to read; GitHub gives a request up after 10
LONGEST_WAIT = 60  # seconds; a rate limit that lasts longer ends the run
REDIRECTS = 3
# A POST that may have arrived is not repeated; one that found no server is.
RETRY = Retry(
    total=3,
    allowed_methods={"GET"},
    status_forcelist={500, 502, 503, 504},
    backoff_factor=0.5,
    respect_retry_after_header=False,
    raise_on_status=False,
)


class Client:
    """The API at one address; `needs` says in errors what a token needs."""

    def __init__(self, api: str, token: str, needs: str) -> None:
        self._api, self._token, self._needs = api, token, needs
        self._session = requests.Session()
        self._session.headers.update(HEADERS)
        # Given as `auth`, since an entry of ~/.netrc would replace a header.
        self._session.auth = self._authorise
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=RETRY))

    def get(self, kind: type[Answer], path: str) -> Answer:
        """Read one answer."""
        return read(kind, self._send("GET", f"{self._api}/{path}"))

    def pages(self, kind: type[Answer], path: str) -> Iterator[Answer]:
        """Read a list page by page."""
        url = f"{self._api}/{path}?per_page=100"
        while url:
            answer = self._send("GET", url)
            yield read(kind, answer)
            following = answer.links.get("next", {}).get("url")
            url = urljoin(answer.url, following) if following else ""

    def post(self, path: str) -> None:
        """Ask for something; GitHubError if it is not accepted."""
        self._send("POST", f"{self._api}/{path}")

    def _send(self, method: str, url: str) -> requests.Response:
        tries = 0
        while seconds := rate_limit(answer := self._follow(method, url), time.time()):
            seconds *= 2**tries  # so that waiting comes to an end
            tries += 1
            if seconds > LONGEST_WAIT:
                until = datetime.now(UTC) + timedelta(seconds=seconds)
                raise Stop(f"GitHub's rate limit is reached: come back at {until:%Y-%m-%d %H:%M:%S} UTC")
            tqdm.write(f"GitHub's rate limit is reached: waiting {seconds:.0f} s", file=sys.stderr)
            time.sleep(seconds)
        if answer.status_code not in range(200, 300):
            raise failure(answer, self._token, self._needs)
        return answer

    def _follow(self, method: str, url: str) -> requests.Response:
        for _ in range(1 + REDIRECTS):
            if _origin(url) != _origin(self._api):
                raise Stop(f"{self._api} leads to {_origin(url)}, and the token is not sent there")
            try:
                answer = self._session.request(method, url, timeout=TIMEOUT, allow_redirects=False)
            except requests.ReadTimeout:
                raise GitHubError(f"no answer from {self._api} within {TIMEOUT[1]} s") from None
            except requests.RequestException as error:
                raise Stop(f"no answer from {self._api}: {type(error).__name__}") from None
            if not answer.is_redirect:
                return answer
            url = urljoin(url, answer.headers["Location"])  # of a repository that was renamed
        raise Stop(f"{self._api} redirects without end")

    def _authorise(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
