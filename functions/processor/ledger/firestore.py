"""The ledger in Firestore, for the deployed function: a document an event, each write a compare-and-swap."""

import operator
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.api_core.exceptions import AlreadyExists, FailedPrecondition, GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.types import Document, Write

from ..calls import PATIENCE, client_of, until
from ..errors import Busy, LedgerDown
from . import KEPT_DAYS, Claim, Record, State, claimed

COLLECTION = "webhook-events"


class FirestoreLedger:
    """Documents named by the key; `lease` in seconds of the server's clock, never of ours.

    `age` takes the times of a read and of the last write, both the server's, and says how old the write was. Nothing is
    a transaction: that takes a round trip more, knows no timeout, and hides what went wrong.
    https://docs.cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#precondition
    """

    def __init__(
        self, project: str, database: str, lease: int, age: Callable[[datetime, datetime], timedelta] = operator.sub
    ) -> None:
        self._database = f"projects/{project}/databases/{database}"
        # How Firestore finds the database, as its own client says it too.
        self._metadata = [("google-cloud-resource-prefix", self._database)]
        self._lease = lease
        self._age = age

    def claim(self, key: str, replay: int = 0, again: bool = False) -> Claim | None:
        """Take an event, as the interface says: one write if it is new, else a read and, if it is free, a write."""
        owner, end = uuid.uuid4().hex, time.monotonic() + PATIENCE
        with _answering():
            new = Claim(key, owner, 1, replay, frozenset())
            if made := self._write(new, State.OPEN, {"exists": False}, end):
                return made
            found, now = self._read(key, end)
            if not found:
                raise Busy("expired")  # in this very moment: the next delivery is its first
            if _owner(found) == owner:  # our write arrived, and its answer got lost
                return replace(new, version=found.update_time)
            leased = self._age(now, found.update_time).total_seconds() < found.fields["lease"].integer_value
            claim = claimed(key, owner, replay, again, _record(found), leased)
            return claim and self._swap(replace(claim, version=found.update_time), State.OPEN, end)

    def write(self, claim: Claim, state: State) -> Claim:
        """Set the state and the handlers finished, unless somebody has written since the claim did."""
        with _answering():
            return self._swap(claim, state, time.monotonic() + PATIENCE)

    def _swap(self, claim: Claim, state: State, end: float) -> Claim:
        if written := self._write(claim, state, {"update_time": claim.version}, end):
            return written
        found, _ = self._read(claim.key, end)
        # If it says what we wanted to write, our write arrived, and its answer got lost.
        if not found or _owner(found) != claim.owner or _record(found).state is not state:
            raise Busy("taken-over")
        return replace(claim, version=found.update_time)

    def _write(self, claim: Claim, state: State, condition: dict[str, Any], end: float) -> Claim | None:
        """Write the whole document; None if it is not as the condition says."""
        write = Write(update=self._document(claim, state), current_document=condition)
        request = {"database": self._database, "writes": [write]}
        try:
            done = self._client.commit(request, metadata=self._metadata, **until(end))
        except (AlreadyExists, FailedPrecondition, NotFound):
            return None
        return replace(claim, version=done.write_results[0].update_time)

    def _read(self, key: str, end: float) -> tuple[Document | None, datetime]:
        request = {"database": self._database, "documents": [self._name(key)]}
        (answer,) = self._client.batch_get_documents(request, metadata=self._metadata, **until(end))
        return (answer.found if "found" in answer else None), answer.read_time

    @property
    def _client(self) -> FirestoreClient:
        client: FirestoreClient = client_of(FirestoreClient, "FIRESTORE_EMULATOR_HOST")
        return client

    def _document(self, claim: Claim, state: State) -> Document:
        """Write a record down: nothing of the event but its key. `expires` is what the TTL policy goes by."""
        fields: dict[str, Any] = {
            "state": {"string_value": state},
            "owner": {"string_value": claim.owner},
            "fence": {"integer_value": claim.fence},
            "replay": {"integer_value": claim.replay},
            "finished": {"array_value": {"values": [{"string_value": name} for name in sorted(claim.finished)]}},
            "lease": {"integer_value": self._lease},
            "expires": {"timestamp_value": datetime.now(UTC) + timedelta(days=KEPT_DAYS)},
        }
        return Document(name=self._name(claim.key), fields=fields)

    def _name(self, key: str) -> str:
        return f"{self._database}/documents/{COLLECTION}/{key}"


@contextmanager
def _answering() -> Iterator[None]:
    """Give the event back where the store does not answer, or answers what nobody expects."""
    try:
        yield
    except (GoogleAPIError, GoogleAuthError, grpc.RpcError, TimeoutError) as error:
        raise LedgerDown("ledger-down") from error


def _record(document: Document) -> Record:
    fields = document.fields
    finished = frozenset(value.string_value for value in fields["finished"].array_value.values)
    state = State(fields["state"].string_value)
    return Record(state, fields["fence"].integer_value, fields["replay"].integer_value, finished)


def _owner(document: Document) -> str:
    return str(document.fields["owner"].string_value)
