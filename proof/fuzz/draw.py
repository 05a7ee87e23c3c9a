"""Turns the bytes of a fuzzer into choices, and into texts that are a change away from another."""

import base64
import json
import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from string import ascii_lowercase, ascii_uppercase, digits, punctuation
from typing import Any, TypeVar

Choice = TypeVar("Choice")
LARGEST, DEEP = 20_000, 3000
TIMES = (*[1] * 8, 2, 30, 1001, 5000)
# The first are empty: bytes of the fuzzer's own choice come in their place.
WORDS = (
    *[b""] * 16,
    *(b"&", b"=", b",", b".", b"..", b" ", b";", b"|", b'"', b"[", b"{", b'{"a":', b"%", b"%00", b"+", b"-", b"--"),
    *(b"0", b"9", b"\\ud800", b"\xff", b"\0", b"\r\n", b"null", b"1e999", b"1700000000", b"2023-11-14T22:13:20Z"),
    *(b"v1,", b"t=1,v1=", b"sha256=", b"Bearer ", b"whpk_", b"&bodySHA256="),
)
VALUES: Sequence[Any] = (None, True, False, 0, -1, 10**20, float("inf"), "", "\ud800", [], {}, [None], {"a": None})
KINDS = (digits, ascii_lowercase, ascii_uppercase)
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")


class Draw:
    """Bytes that are read as choices; where they have ended, each choice is the first and each text is empty."""

    def __init__(self, data: bytes) -> None:
        self._data = BytesIO(data)

    def number(self, most: int) -> int:
        """A number from 0 to `most`."""
        return int.from_bytes(self._data.read((most.bit_length() + 7) // 8), "big") % (most + 1)

    def one(self, of: Sequence[Choice]) -> Choice:
        """One of several."""
        return of[self.number(len(of) - 1)]

    def raw(self) -> bytes:
        """Any bytes, or a word that parsers look for; perhaps very often."""
        found = self.one(WORDS) or self._data.read(self.number(60))
        return (found * self.one(TIMES))[:LARGEST]

    def text(self) -> str:
        """The same, as a server reads a header."""
        return self.raw().decode("latin-1")

    def splice(self, value: bytes) -> bytes:
        """Other bytes, in the place of some or none of these."""
        begin = self.number(len(value))
        end = begin + self.number(min(255, len(value) - begin))
        return value[:begin] + self.raw() + value[end:]

    def respell(self, value: str) -> str:
        """The same with text, as it is in a header."""
        return self.splice(value.encode("latin-1", "replace")).decode("latin-1")

    def mistype(self, value: str) -> str:
        """The same with a character or a few replaced by others of their kind, so that its form stays as it was."""
        for _ in range(1 + self.number(2)):
            at = self.number(max(0, len(value) - 1))
            kind = next((kind for kind in KINDS if value[at : at + 1] in kind), punctuation)
            value = value[:at] + self.one(kind) + value[at + 1 :]
        return value

    def rewrite(self, text: bytes) -> bytes:
        """JSON with something else, or nothing, at one place of it, or far too deep; what is none is spliced."""
        if self.number(15) == 15:
            return b"[" * DEEP + text
        try:
            root = [json.loads(text)]
        except (ValueError, RecursionError):
            return self.splice(text)
        holder, key = self.one([*_places(root)])
        if self.number(3) == 3 and holder is not root:
            del holder[key]
        else:
            holder[key] = self.one((*VALUES, self.text()))
        return json.dumps(root[0]).encode()

    def recode(self, value: str) -> str:
        """Text with a part of it, that is written in base64, changed inside; where there is none, spliced."""
        parts = [*BASE64.finditer(value)]
        part = self.one(parts)[0] if parts else ""
        bare = part.rstrip("=").translate(str.maketrans("-_", "+/"))
        if not parts or len(bare) % 4 == 1:
            return self.respell(value)
        inside = base64.b64decode(bare + "=" * (-len(bare) % 4))
        coded = base64.b64encode(self.one((self.rewrite, self.splice))(inside)).decode()
        if "." in value:  # a token
            coded = coded.translate(str.maketrans("+/", "-_")).rstrip("=")
        return value.replace(part, coded, 1)

    def reform(self, value: bytes) -> bytes:
        """The same with bytes."""
        return self.recode(value.decode("latin-1")).encode("latin-1")


def _places(holder: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document: what holds it, and its key there."""
    keys = [*holder] if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
    for key in keys:
        yield holder, key
        yield from _places(holder[key])
