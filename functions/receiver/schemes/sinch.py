"""Sinch: a keyed hash of method, body, content type, time and path, line by line."""

import base64
import secrets
from dataclasses import dataclass

from ..errors import Unproved
from ..places import Places
from ..webhook import Webhook
from .base import with_headers
from .encoding import pair
from .mac import Mac
from .template import signed
from .times import check_time, rfc3339


@dataclass(frozen=True, slots=True)
class SinchApplication(Mac):
    """Method, hash of the body, content type, time and path; the secret is the application's `key:secret`.

    https://developers.sinch.com/docs/voice/api-reference/authentication/callback-signed-request
    """

    header: str = "Authorization"
    encoding: str = "base64"
    key: str = "base64"
    signs: str = "{method}\n{body-md5}\n{header:content-type}\nx-timestamp:{header:x-timestamp}\n{path}"

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        name, key = pair(secret)
        webhook = with_headers(webhook, **{"x-timestamp": rfc3339(webhook)})
        mac = self.mac(key, signed(self.signs, Places(webhook)))
        return with_headers(webhook, **{self.header: f"application {name}:{mac}"})

    def verify(self, webhook: Webhook, secret: str) -> None:
        if not (given := webhook.header(self.header)):
            raise Unproved("missing")
        name, key = pair(secret)
        scheme, _, proof = given.partition(" ")
        if scheme.lower() != "application":
            raise Unproved("encoding")
        check_time(webhook.header("x-timestamp"), webhook, self.tolerance)
        self.check([proof], f"{name}:{self.mac(key, signed(self.signs, Places(webhook)))}")

    def new_keys(self) -> tuple[str, str]:
        secret = f"{secrets.token_hex(8)}:{base64.b64encode(secrets.token_bytes(32)).decode()}"
        return secret, secret
