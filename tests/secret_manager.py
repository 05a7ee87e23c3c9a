"""A Secret Manager for the tests: Google's own client talks to it, and it answers what it is told to."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.cloud.secretmanager_v1 import AccessSecretVersionRequest, AccessSecretVersionResponse, SecretPayload

SERVICE = "google.cloud.secretmanager.v1.SecretManagerService"


class FakeSecretManager:
    """Secrets by name, with how often and by how many at once they are asked for.

    `refusal` is the status every call gets instead of its secret, `refusals` that of one secret, and `delay` is how
    many seconds a call takes. It does not listen before `start`, and again refuses connections after `stop`.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.most_in_flight = 0
        self.delay = 0.0
        self.refusal: grpc.StatusCode | None = None
        self.refusals: dict[str, grpc.StatusCode] = {}
        self._versions: dict[str, list[bytes]] = {}
        self._in_flight = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._server: grpc.Server | None = None
        self.port = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def add(self, name: str, value: str | bytes) -> None:
        """Add a version to a secret."""
        data = value.encode() if isinstance(value, str) else value
        self._versions.setdefault(name, []).append(data)

    def start(self, port: int = 0) -> None:
        """Listen, on a free port or on the one given."""
        self._ended.clear()
        self._server = grpc.server(ThreadPoolExecutor(128))
        access = grpc.unary_unary_rpc_method_handler(
            self._access,
            request_deserializer=AccessSecretVersionRequest.deserialize,
            response_serializer=AccessSecretVersionResponse.serialize,
        )
        handlers = grpc.method_handlers_generic_handler(SERVICE, {"AccessSecretVersion": access})
        self._server.add_generic_rpc_handlers((handlers,))
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
        if wanted != "latest" or name not in self._versions:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no {path}")
        number, data = len(self._versions[name]), self._versions[name][-1]
        return AccessSecretVersionResponse(name=f"{prefix}/versions/{number}", payload=SecretPayload(data=data))
