"""Stores an event as a row of a BigQuery table."""

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ..errors import GiveUp, Misconfigured, NotTaken
from ..event import Event
from .api import call
from .post import Answer

API = "https://bigquery.googleapis.com"
# What is wrong with the row itself: it stays wrong. https://docs.cloud.google.com/bigquery/docs/error-messages
HOPELESS = "invalid"


def insert(event: Event, table: str, row: Mapping[str, Any], *, timeout: float = 30) -> None:
    """Add one row to a BigQuery table, `project.dataset.table`; `row` maps its columns to JSON values.

    `event.key` is the row's insertId, by which BigQuery leaves out a repetition for at least a minute; write it into a
    column too where a later one would matter. The function's service account needs `roles/bigquery.dataEditor` on the
    table. BIGQUERY_EMULATOR_HOST leads to an emulator.

    GiveUp, with columns and reasons but no values, for a row that does not fit the table; NotTaken, so that the event
    comes again, for what may pass; `timeout` is in seconds, and never more than the event has left.
    https://docs.cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll
    """
    emulator = os.environ.get("BIGQUERY_EMULATOR_HOST", "").rstrip("/")
    url = (emulator or API) + _path(table)
    rows = [{"insertId": event.key, "json": row}]
    call(event, url, {"rows": rows}, timeout=timeout, emulated=bool(emulator), check=_check)


def _path(table: str) -> str:
    parts = table.rsplit(".", 2)
    if len(parts) < 3 or not all(parts):
        raise Misconfigured(f"table is {table!r}: write project.dataset.table")
    project, dataset, name = (quote(part, safe="") for part in parts)
    return f"/bigquery/v2/projects/{project}/datasets/{dataset}/tables/{name}/insertAll"


def _check(answer: Answer) -> None:
    """Look into a 200, which can still say that the row was not taken."""
    try:
        errors = [error for row in json.loads(answer.body).get("insertErrors", ()) for error in row["errors"]]
        said = [(str(error.get("reason", "")), str(error.get("location", ""))) for error in errors]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotTaken("BigQuery's answer can't be read") from error
    text = ", ".join(f"{column}: {reason}" if column else reason for reason, column in said)
    if any(reason == HOPELESS for reason, _ in said):
        raise GiveUp(f"BigQuery does not take the row: {text}")
    if said:
        raise NotTaken(f"BigQuery did not take the row this time: {text}")
