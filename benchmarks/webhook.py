"""What the benchmarks send: a signed GitHub push, of 2 KB unless a question asks for another size."""

import hashlib
import hmac
import json
from dataclasses import dataclass

SECRET = "no secret: benchmarks only"
BYTES = 2048
# Where this stands in a request, each that is sent has a number of its own instead, as long as this.
NUMBER = "<-a-number-for-each-that-is-sent"


@dataclass(frozen=True)
class Post:
    """A request that is sent again and again."""

    path: str
    body: bytes
    headers: dict[str, str]

    def numbered(self, number: str) -> "Post":
        """Put a number where NUMBER stands."""
        headers = {name: value.replace(NUMBER, number) for name, value in self.headers.items()}
        return Post(self.path, self.body.replace(NUMBER.encode(), number.encode()), headers)


def push(size: int = BYTES) -> bytes:
    """Write a push as GitHub does, its commit message as long as it takes to reach `size` bytes."""
    person = {"name": "Mona Lisa", "email": "mona@example.com", "username": "mona"}
    url = "https://github.com/mona/hello-world"
    commit = {
        "id": "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c",
        "tree_id": "f9d2a07e9488b91af2641b26b9407fe22a451433",
        "distinct": True,
        "message": "",
        "timestamp": "2026-05-05T19:40:15-04:00",
        "url": f"{url}/commit/0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c",
        "author": person,
        "added": [],
        "removed": [],
        "modified": ["README.md", "src/main.py"],
    }
    repository = {"id": 186853002, "name": "hello-world", "full_name": "mona/hello-world", "private": False}
    owner = {"login": "mona", "id": 21031067, "type": "User", "site_admin": False}
    event = {
        "ref": "refs/heads/main",
        "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
        "after": commit["id"],
        "created": False,
        "deleted": False,
        "forced": False,
        "base_ref": None,
        "commits": [commit],
        "repository": {**repository, "owner": owner, "html_url": url, "default_branch": "main"},
        "pusher": person,
    }
    commit["message"] = "x" * (size - len(json.dumps(event)))
    return json.dumps(event).encode()


def signed(body: bytes) -> Post:
    """Sign a push as GitHub does."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
    }
    return Post("/github", body, headers)


PUSH = signed(push())
