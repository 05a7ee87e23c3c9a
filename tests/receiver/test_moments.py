"""When what a sender tells of happened: the forms that are read, and every row that says where it stands."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.receiver.message import write
from functions.receiver.moments import EARLIEST, ISO8601, NUMBER, RFC2822, moment, rfc3339
from functions.receiver.places import Places
from functions.receiver.providers import PROVIDERS
from functions.receiver.schemes.base import with_headers
from functions.receiver.webhook import Webhook
from tests.rows import ROWS
from tools import samples

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()

# Forms

READ = {
    "seconds": ("1773137734", "2026-03-10T10:15:34.000000Z"),
    "seconds with a fraction": ("1355517523.000005", "2012-12-14T20:38:43.000005Z"),
    "milliseconds": ("1773137734019", "2026-03-10T10:15:34.019000Z"),
    "milliseconds with a fraction": ("1773137734019.25", "2026-03-10T10:15:34.019250Z"),
    "microseconds": ("1773137734019001", "2026-03-10T10:15:34.019001Z"),
    "UTC": ("2026-03-10T10:15:34Z", "2026-03-10T10:15:34.000000Z"),
    "an offset": ("2026-03-10T10:15:34+02:00", "2026-03-10T08:15:34.000000Z"),
    "an offset without a colon": ("2026-03-10T10:15:34-0530", "2026-03-10T15:45:34.000000Z"),
    "an offset of hours": ("2026-03-10 10:15:34+00", "2026-03-10T10:15:34.000000Z"),
    "no offset, which is UTC": ("2026-03-10T10:15:34", "2026-03-10T10:15:34.000000Z"),
    "a space": ("2026-03-10 10:15:34", "2026-03-10T10:15:34.000000Z"),
    "no seconds": ("2026-03-10T10:15Z", "2026-03-10T10:15:00.000000Z"),
    "a tenth": ("2026-03-10T10:15:34.1Z", "2026-03-10T10:15:34.100000Z"),
    "milliseconds of ISO 8601": ("2026-03-10T10:15:34.019Z", "2026-03-10T10:15:34.019000Z"),
    "seven digits": ("2026-03-10T10:15:34.1234567Z", "2026-03-10T10:15:34.123456Z"),
    "nanoseconds": ("2026-03-10T10:15:34.123456789+01:00", "2026-03-10T09:15:34.123456Z"),
    "a mail's": ("Tue, 10 Mar 2026 10:15:34 +0100", "2026-03-10T09:15:34.000000Z"),
    "a mail's without a day of the week": ("5 Mar 2026 10:15:34 -0000", "2026-03-05T10:15:34.000000Z"),
    "that of HTTP": ("Tue, 10 Mar 2026 10:15:34 GMT", "2026-03-10T10:15:34.000000Z"),
}


@pytest.mark.parametrize(("text", "read"), READ.values(), ids=READ)
def test_a_moment_is_read_in_every_form_that_senders_write(text: str, read: str) -> None:
    assert moment(text, NOW) == read


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be somewhere else."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize(("text", "read"), READ.values(), ids=READ)
def test_a_moment_is_the_same_wherever_it_is_read(text: str, read: str) -> None:
    assert moment(text, NOW) == read


UNREADABLE = {
    "nothing": "",
    "zero": "0",
    "a date": "2026-03-10",
    "a date in digits": "20260310",
    "a date and a time in digits": "20260310101534",
    "the 30th of February": "2026-02-30T10:15:34Z",
    "the 31st of February in a mail": "Tue, 31 Feb 2026 10:15:34 +0000",
    "a mail's date alone": "Tue, 10 Mar 2026",
    "a mail's year of two digits": "Tue, 10 Mar 26 10:15:34 +0000",
    "a month that there is not": "Tue, 10 Foo 2026 10:15:34 +0000",
    "a mail's offset of four days": "Tue, 10 Mar 2026 10:15:34 +9999",
    "an offset of a day and more": "2026-03-10T10:15:34+25:00",
    "the 61st second": "2026-03-10T10:15:60Z",
    "the year 0": "0000-03-10T10:15:34Z",
    "the first hour of all, further east": "0001-01-01T00:00:00+05:00",
    "the last hour of all, further west": "9999-12-31T23:59:59-05:00",
    "a name of a zone": "2026-03-10T10:15:34 CET",
    "a space in front": " 2026-03-10T10:15:34Z",
    "a line break behind": "1773137734\n",
    "a negative number": "-1773137734",
    "a power": "1.773137734e9",
    "digits with underscores": "1_773_137_734",
    "nanoseconds since 1970": "1773137734019001002",
    "5,000 digits": "1" * 5000,
    "digits that are not ASCII": "١٧٧٣١٣٧٧٣٤",
    "a date that is not ASCII": "٢٠٢٦-03-10T10:15:34Z",
    "two of them": "1773137734,1773137734",
    "infinity": "inf",
    "a word": "yesterday",
    "half a character": "\ud800",
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_moment_is_none(text: str) -> None:
    assert moment(text, NOW) is None


def test_what_lies_before_1990_is_none() -> None:
    assert moment("1990-01-01T00:00:00Z", NOW) == moment(str(EARLIEST), NOW) == "1990-01-01T00:00:00.000000Z"
    assert moment("1989-12-31T23:59:59.999999Z", NOW) is None
    assert moment(str(EARLIEST - 1), NOW) is None


def test_what_lies_more_than_a_day_ahead_is_none() -> None:
    assert moment("2026-03-11T12:00:00Z", NOW) == "2026-03-11T12:00:00.000000Z"
    assert moment("2026-03-11T12:00:00.000001Z", NOW) is None
    assert moment("2026-03-11T12:00:00.000001Z", NOW + 1)
    assert moment(f"{int(NOW + 90_000)}000", NOW) is None


LIKE = [st.from_regex(form, fullmatch=whole) for form in (NUMBER, ISO8601, RFC2822) for whole in (True, False)]


@given(st.one_of(st.text(), *LIKE), st.floats(0, 1e11))
def test_no_text_is_a_surprise(text: str, received: float) -> None:
    read = moment(text, received)
    assert read is None or datetime.fromisoformat(read).timestamp() <= received + 86_400


MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2026, 3, 11)).map(lambda when: when.replace(tzinfo=UTC))
ZONES = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))


@given(MOMENTS, ZONES)
def test_a_moment_is_the_same_in_every_form_and_zone(when: datetime, zone: timezone) -> None:
    written = rfc3339(when.timestamp())
    micros = round(when.timestamp() * 1e6)
    assert datetime.fromisoformat(written) == when
    exact = [written, when.astimezone(zone).isoformat(), f"{micros / 1e6:.6f}", f"{micros // 1000}.{micros % 1000:03}"]
    assert {moment(text, NOW) for text in exact} == {written}
    whole = when.replace(microsecond=0)
    rough = [str(int(whole.timestamp())), f"{int(whole.timestamp())}000", format_datetime(whole.astimezone(zone))]
    assert {moment(text, NOW) for text in rough} == {rfc3339(whole.timestamp())}


@given(MOMENTS, MOMENTS)
def test_moments_as_they_are_written_are_in_their_order(one: datetime, other: datetime) -> None:
    assert (rfc3339(one.timestamp()) < rfc3339(other.timestamp())) == (one < other)


# Rows

KNOWN = {name: source for name, source in ROWS.items() if source.provider.occurred}
FILES = [file for name in KNOWN for file in sorted((samples.FOLDER / name).rglob("*.*"))]
LATER = datetime(2027, 1, 1, tzinfo=UTC).timestamp()  # than any sample
# What is sent beside the samples, which are bodies: as the providers' pages show it.
BESIDE = {
    "sanity": {"sanity-transaction-time": "2026-03-10T09:45:31.207Z"},
    "shopify": {"X-Shopify-Triggered-At": "2026-03-10T09:24:09.877041743Z"},
}
QUESTION = "it is a handshake, not an event"
SILENT = {
    "bitbucket/repo%3Aupdated.json": "only Data Center says when",
    "clickup/taskDeleted.json": "it has no history",
    "discord/ping.json": QUESTION,
    "front/sync.json": QUESTION,
    "monday/challenge.json": QUESTION,
    "notion/verification.json": QUESTION,
    "slack/url_verification.json": QUESTION,
    "telegram/callback_query.json": "it tells only when the message with the button was written",
    "twilio/delivered.form": "only those of calls say when",
    "twilio/received.form": "only those of calls say when",
    "woocommerce/ping.form": QUESTION,
    "zendesk/trigger.json": "its body is what the user wrote",
}


@cache
def secret_of(provider: str) -> str:
    scheme = ROWS[provider].provider.scheme
    assert scheme
    return scheme.new_keys()[0]


def sent(file: Path) -> Webhook:
    """A sample as its provider sends it."""
    name, *event = file.relative_to(samples.FOLDER).with_suffix("").parts
    source = ROWS[name]
    webhook = replace(samples.find(source, unquote("/".join(event))), received=LATER)
    webhook = with_headers(webhook, **BESIDE.get(name, {}))
    assert source.provider.scheme
    in_token = source.provider.occurred.startswith("jwt:")
    return source.provider.scheme.sign(webhook, secret_of(name)) if in_token else webhook


def occurred(file: Path) -> str | None:
    source = ROWS[file.relative_to(samples.FOLDER).parts[0]]
    return write(Places(sent(file)), source).attributes.get("ce-occurred")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(samples.FOLDER)))
def test_every_sample_of_a_row_that_knows_it_says_when_it_happened(file: Path) -> None:
    found = occurred(file)
    if str(file.relative_to(samples.FOLDER)) in SILENT:
        assert found is None
    else:
        assert found
        assert EARLIEST < datetime.fromisoformat(found).timestamp() < LATER


@pytest.mark.parametrize("provider", KNOWN)
def test_every_row_that_says_where_the_moment_stands_is_tried(provider: str) -> None:
    assert any(occurred(file) for file in (samples.FOLDER / provider).rglob("*.*"))


def test_ninety_rows_know_when_it_happened() -> None:
    assert len(KNOWN) >= 90
    assert SILENT.keys() <= {str(file.relative_to(samples.FOLDER)) for file in FILES}


def test_no_row_whose_body_may_hold_several_events_has_one_moment() -> None:
    assert not [name for name, row in PROVIDERS.items() if row.batch and row.occurred]


# The event's own time is what it signs.
SIGNED_AND_TRUE = {"dropbox-sign"}


def test_no_row_takes_the_time_of_its_signature_which_is_another_with_each_attempt() -> None:
    for name, source in KNOWN.items():
        signed = getattr(source.provider.scheme, "timestamp", "")
        places = {place.lower() for text in (signed, f"header:{signed}") for place in text.split("|")}
        same = places & set(source.provider.occurred.lower().split("|"))
        assert bool(same) == (name in SIGNED_AND_TRUE), name
