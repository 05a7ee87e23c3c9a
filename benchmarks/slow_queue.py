"""A queue that answers after 20 ms, and does nothing else: `python -m benchmarks.slow_queue --port 8085`."""

import argparse
from asyncio import run, sleep
from itertools import count
from typing import Any

import grpc
from google.pubsub_v1 import PublishRequest, PublishResponse

SECONDS = 0.02
# The protobuf classes behind Google's own: the server is to cost as little as it can.
Request, Response = PublishRequest.pb(), PublishResponse.pb()
NUMBERS = count(1)


async def publish(request: Any, _: Any) -> Any:
    """Give every message an id after 20 ms, however many calls are in flight."""
    await sleep(SECONDS)
    return Response(message_ids=[str(next(NUMBERS)) for _ in request.messages])


async def serve(port: int) -> None:
    """Answer calls until the process is ended."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    method = grpc.unary_unary_rpc_method_handler(publish, Request.FromString, Response.SerializeToString)
    handler = grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", {"Publish": method})
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slow_queue", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    run(serve(parser.parse_args().port))
