"""A queue that answers every call with the same refusal, in the place of the real one for a while."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import grpc

from .stage import Stage


def busy_queue(code: grpc.StatusCode) -> Callable[[Stage], AbstractContextManager[None]]:
    """Everybody who publishes is refused with this status."""

    def refuse(_: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(code, "as the trial wants it")

    @contextmanager
    def going(stage: Stage) -> Iterator[None]:
        server = grpc.server(ThreadPoolExecutor(8))
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(refuse)
        service = grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", {"Publish": handler})
        server.add_generic_rpc_handlers((service,))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        stage.to_queue.lead_to(port)
        try:
            yield
        finally:
            stage.to_queue.lead_to(stage.queue.port)
            server.stop(0).wait()

    return going
