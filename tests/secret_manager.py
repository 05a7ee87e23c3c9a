"""A Secret Manager for the tests: Google's own client talks to it, and it answers as the real one, or as it is told."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
from google.cloud.secretmanager_v1 import (
    AccessSecretVersionRequest,
    AccessSecretVersionResponse,
    AddSecretVersionRequest,
    SecretPayload,
    SecretVersion,
)

SERVICE = "google.cloud.secretmanager.v1.SecretManagerService"
ENABLED, DISABLED, DESTROYED = "ENABLED", "DISABLED", "DESTROYED"


@dataclass
class Secret:
    """The versions of a secret, oldest first, and the state of the latest."""

    versions: list[bytes] = field(default_factory=list)
    state: str = ENABLED


class FakeSecretManager:
    """Secrets by name, with how often and by how many at once they are asked for.

    `refusal` is the status every call gets instead of its secret, `refusals` that of one secret, and `delay` is how
    many seconds a call takes; `refusals_to_add` and `delay_to_add` are the same for adding a version. It does not
    listen before `start`, and again refuses connections after `stop`.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.most_in_flight = 0
        self.delay = self.delay_to_add = 0.0
        self.refusal: grpc.StatusCode | None = None
        self.refusals: dict[str, grpc.StatusCode] = {}
        self.refusals_to_add: dict[str, grpc.StatusCode] = {}
        self._secrets: dict[str, Secret] = {}
        self._in_flight = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._server: grpc.Server | None = None
        self.port = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def create(self, name: str) -> None:
        """Make a secret that has no version yet, as Terraform does."""
        self._secrets.setdefault(name, Secret())

    def add(self, name: str, value: str | bytes) -> None:
        """Add a version to a secret, which is enabled from then on; make the secret if it is not there."""
        data = value.encode() if isinstance(value, str) else value
        self.create(name)
        self._secrets[name].versions.append(data)
        self._secrets[name].state = ENABLED

    def end(self, name: str, state: str) -> None:
        """Disable or destroy the latest version of a secret."""
        self._secrets[name].state = state

    def versions(self, name: str) -> list[str]:
        """The versions of a secret, oldest first."""
        return [data.decode() for data in self._secrets[name].versions]

    def start(self, port: int = 0) -> None:
        """Listen, on a free port or on the one given."""
        self._ended.clear()
        self._server = grpc.server(ThreadPoolExecutor(128))
        access = grpc.unary_unary_rpc_method_handler(
            self._access,
            request_deserializer=AccessSecretVersionRequest.deserialize,
            response_serializer=AccessSecretVersionResponse.serialize,
        )
        add = grpc.unary_unary_rpc_method_handler(
            self._add,
            request_deserializer=AddSecretVersionRequest.deserialize,
            response_serializer=SecretVersion.serialize,
        )
        methods = {"AccessSecretVersion": access, "AddSecretVersion": add}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port or self.port}")
        self._server.start()

    def stop(self) -> None:
        """End every call and close the port."""
        self._ended.set()
        if self._server:
            self._server.stop(0).wait()

    def _access(
        self, request: AccessSecretVersionRequest, context: grpc.ServicerContext
    ) -> AccessSecretVersionResponse:
        with self._lock:
            self.calls.append(request.name)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            self._ended.wait(self.delay)
            return self._answer(request.name, context)
        finally:
            with self._lock:
                self._in_flight -= 1

    def _answer(self, path: str, context: grpc.ServicerContext) -> AccessSecretVersionResponse:
        """Answer `projects/PROJECT/secrets/NAME/versions/latest`; the code asks for nothing else."""
        prefix, _, wanted = path.rpartition("/versions/")
        name = prefix.rpartition("/")[2]
        if code := self.refusal or self.refusals.get(name):
            context.abort(code, "as the test wants it")
        secret = self._secrets.get(name)
        if wanted != "latest" or secret is None or not secret.versions:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Secret [{path}] not found or has no versions.")
        number, data = len(secret.versions), secret.versions[-1]
        # `latest` is the newest version, in whatever state it is.
        if secret.state != ENABLED:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"Secret Version [{path}] is in {secret.state} state.")
        return AccessSecretVersionResponse(name=f"{prefix}/versions/{number}", payload=SecretPayload(data=data))

    def _add(self, request: AddSecretVersionRequest, context: grpc.ServicerContext) -> SecretVersion:
        """Add a version to `projects/PROJECT/secrets/NAME`, which has to be there."""
        name = request.parent.rpartition("/")[2]
        self._ended.wait(self.delay_to_add)
        if code := self.refusal or self.refusals_to_add.get(name):
            context.abort(code, "as the test wants it")
        if name not in self._secrets:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Secret [{request.parent}] not found.")
        with self._lock:
            self.add(name, request.payload.data)
            return SecretVersion(name=f"{request.parent}/versions/{len(self._secrets[name].versions)}")
