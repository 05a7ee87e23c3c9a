"""What actions need around them: servers with and without TLS, an internet, Google's metadata server."""

import importlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.auth.compute_engine import _metadata

from functions.processor.actions import tokens, wire
from tests.processor.targets import Internet, Metadata, Place, certify, no_threads_left, running, serve


@pytest.fixture(scope="session")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """An authority's file, and the certificate that it gave to the names of the tests."""
    return certify(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def place() -> Iterator[Place]:
    """A server of one's own network, without TLS."""
    with no_threads_left(), serve() as place:
        yield place


@pytest.fixture
def secure(certified: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A server with TLS, whose certificate is trusted for the names of the tests."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certified[0]))
    wire.trusted.cache_clear()
    with no_threads_left(), serve(certified[1]) as place:
        yield place
    wire.trusted.cache_clear()


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    """Names and addresses as a test has them."""
    return Internet(monkeypatch)


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Metadata]:
    """Google's metadata server, as google-auth finds it; nothing else to find credentials in."""
    metadata = Metadata()
    with running(metadata.handler()) as server:
        host = f"127.0.0.1:{server.server_address[1]}"
        for name in ("GCE_METADATA_HOST", "GCE_METADATA_IP"):
            monkeypatch.setenv(name, host)
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
        for name in ("GOOGLE_APPLICATION_CREDENTIALS", "NO_GCE_CHECK"):
            monkeypatch.delenv(name, raising=False)
        importlib.reload(_metadata)  # it reads the variables when it is imported
        tokens._credentials.cache_clear()
        yield metadata
    monkeypatch.undo()
    importlib.reload(_metadata)
    tokens._credentials.cache_clear()
