"""Secret Manager: reads the latest version of a secret, and adds the first."""

import os
import threading
from typing import Any

from .calls import within
from .channel import connect
from .deadline import Deadline
from .errors import Failed, Unproved
from .schemes.base import same


class SecretManager:
    """Reads the latest version of `webhook-<name>`: one call, one role (secretAccessor).

    A secret that a sender hands over is added as a version, which takes another role (secretVersionAdder).
    """

    def __init__(self, project: str) -> None:
        # Loaded with the function, used only in the worker: no channel may cross the fork.
        from google.cloud import secretmanager_v1

        self._client_class: Any = secretmanager_v1.SecretManagerServiceClient
        self._project = project
        self._client: Any = None
        self._lock = threading.Lock()

    def __call__(self, name: str, deadline: Deadline) -> tuple[str, str]:
        """Text and version number of a secret; Failed with secret-missing, secret-form or secret-store."""
        try:
            version = self._latest(name, deadline)
        except Exception as error:  # also: no credentials, or no network to fetch them by
            gone = getattr(error, "code", None) in (400, 403, 404)
            raise Failed("secret-missing" if gone else "secret-store") from error
        try:
            return version.payload.data.decode(), version.name.rpartition("/")[2]
        except UnicodeDecodeError:
            raise Failed("secret-form") from None

    def keep(self, name: str, secret: str, deadline: Deadline) -> None:
        """Add the first version of a secret; Unproved if there is another one, Failed if that can't be known."""
        try:
            kept = self._latest(name, deadline).payload.data
        except Exception as error:
            # Disabled or unreadable is not none: what is there must not be replaced by what a stranger sends.
            if getattr(error, "code", None) != 404:
                raise Failed("secret-store") from error
        else:
            if same(kept, secret):
                return  # the sender asks again, since it did not hear our answer
            raise Unproved("secret-exists")
        parent = f"projects/{self._project}/secrets/webhook-{name}"
        try:
            self._connected().add_secret_version(
                parent=parent, payload={"data": secret.encode()}, timeout=deadline.left()
            )
        except Exception as error:
            raise Failed("secret-store") from error

    def _latest(self, name: str, deadline: Deadline) -> Any:
        path = f"projects/{self._project}/secrets/webhook-{name}/versions/latest"
        return self._connected().access_secret_version(name=path, **within(deadline))

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = connect(self._client_class, os.environ.get("SECRET_MANAGER_EMULATOR_HOST"))
            return self._client
