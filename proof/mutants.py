"""Our own code with a flaw in it, as a careless hand would make it, and the test of ours that has to fail."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A flaw: in `file` the `text`, which stands there once, becomes `flaw`.

    `caught_by` is the test that has to fail, as pytest names it; `emulated` if it takes Google's Firestore emulator.
    """

    file: str
    text: str
    flaw: str
    caught_by: str
    emulated: bool = False


PUBLISHER, MAIN = "functions/receiver/publisher.py", "functions/receiver/main.py"
REQUEST, MAC = "functions/receiver/request.py", "functions/receiver/schemes/mac.py"
LEDGERS = "functions/processor/ledger"
HTTP, FUZZ = "tests/receiver/test_http.py", "tests/receiver/test_fuzz.py"
ROWS, SCHEMES = "tests/receiver/test_rows.py", "tests/receiver/test_schemes.py"
LEDGER, ONCE = "tests/processor/test_ledger.py", "tests/processor/test_once.py"

MUTANTS: dict[str, Mutant] = {
    "acknowledge before publish": Mutant(
        PUBLISHER,
        "            news = self._lead(mine, deadline)\n",
        "            threading.Thread(target=self._lead, args=(mine, deadline)).start()\n            return 'sent'\n",
        f"{HTTP}::test_while_the_queue_is_down_senders_are_asked_to_try_again_and_afterwards_all_is_well[embedded]",
    ),
    "acknowledge what waits for the next call": Mutant(
        PUBLISHER,
        "self._board(mine) or self._hear(mine, deadline)",
        "self._board(mine) or 'waits'",
        "tests/receiver/test_publisher.py::test_only_the_message_that_is_refused_fails_and_its_neighbours_are_safe",
    ),
    "skip the timestamp check": Mutant(
        MAC,
        "            check_time(time, webhook, self.tolerance)\n",
        "",
        f"{ROWS}::test_a_webhook_outside_the_tolerance_is_refused[old-slack]",
    ),
    "check the timestamp against the future alone": Mutant(
        "functions/receiver/schemes/times.py",
        "if abs(webhook.received - _read(text)) > tolerance:",
        "if _read(text) - webhook.received > tolerance:",
        f"{ROWS}::test_a_webhook_outside_the_tolerance_is_refused[old-stripe]",
    ),
    "compare a signature with ==": Mutant(
        "functions/receiver/schemes/base.py",
        "return hmac.compare_digest(_bytes(given), _bytes(wanted))",
        "return _bytes(given) == _bytes(wanted)",
        f"{SCHEMES}::test_no_secret_is_compared_by_an_operator[schemes/base]",
    ),
    "look for a signature with in": Mutant(
        MAC,
        "if not any(among(wish, candidates) for wish in wishes):",
        "if not any(wish in candidates for wish in wishes):",
        f"{SCHEMES}::test_every_candidate_is_compared_in_constant_time_and_in_bytes[genuine-hmac]",
    ),
    "trust Host for the URL that is signed": Mutant(
        REQUEST,
        'url=f"{source.public_url}?{query}" if query else source.public_url,',
        'url="https://" + request.host + request.environ["RAW_URI"],',
        f"{FUZZ}::test_the_address_that_a_proof_covers_is_never_what_a_request_says[twilio]",
    ),
    "trust X-Forwarded-Host for the URL that is signed": Mutant(
        REQUEST,
        'url=f"{source.public_url}?{query}" if query else source.public_url,',
        'url="https://" + request.headers.get("X-Forwarded-Host", request.host) + request.environ["RAW_URI"],',
        f"{FUZZ}::test_the_address_that_a_proof_covers_is_never_what_a_request_says[twilio]",
    ),
    "parse before verify": Mutant(
        MAIN,
        "        key = _prove(webhook, source, deadline)\n",
        "        entry['type'] = message.write(places, source).type\n        key = _prove(webhook, source, deadline)\n",
        f"{FUZZ}::test_only_of_these_senders_is_a_body_parsed_before_it_is_proved",
    ),
    "drop what `only` leaves out before verify": Mutant(
        MAIN,
        "        key = _prove(webhook, source, deadline)\n",
        "        dropped = source.drops(message.write(places, source).type)\n"
        "        key = None if dropped else _prove(webhook, source, deadline)\n",
        f"{FUZZ}::test_what_a_source_leaves_out_has_to_be_proved_as_well",
    ),
    "answer a signed question before verify": Mutant(
        MAIN,
        "if handshake is None or handshake.proof is Proof.SIGNED or places.webhook.method not in handshake.methods:",
        "if handshake is None or places.webhook.method not in handshake.methods:",
        f"{HTTP}::test_slack_hears_its_challenge_in_json",
    ),
    "claim without a lease that ends": Mutant(
        f"{LEDGERS}/__init__.py",
        "if record.state is State.OPEN and leased:",
        "if record.state is State.OPEN:",
        f"{ONCE}::test_kill_9[sqlite-after the claim-1]",
    ),
    "claim what another holds a lease on": Mutant(
        f"{LEDGERS}/__init__.py",
        '    if record.state is State.OPEN and leased:\n        raise Busy("leased")\n',
        "",
        f"{LEDGER}::test_a_claimed_event_is_busy_until_its_lease_ends[sqlite]",
    ),
    "complete without a fence, in a file": Mutant(
        f"{LEDGERS}/sqlite.py",
        'owner = ? AND fence = ? AND state = ?",\n'
        "                (state, _text(claim.finished), self._clock(), claim.key, "
        "claim.owner, claim.fence, State.OPEN),",
        'state = ?",\n                (state, _text(claim.finished), self._clock(), claim.key, State.OPEN),',
        f"{LEDGER}::test_a_zombie_writes_nothing[sqlite-done]",
    ),
    "complete without a fence, in Firestore": Mutant(
        f"{LEDGERS}/firestore.py",
        '{"update_time": claim.version}',
        '{"exists": True}',
        f"{LEDGER}::test_a_zombie_writes_nothing[firestore-done]",
        emulated=True,
    ),
    "dedupe by an id that nobody proved": Mutant(
        "functions/receiver/message.py",
        '"id" if source.id_is_signed else None',
        '"id"',
        "tests/test_contract.py::test_a_body_counts_for_the_key_unless_the_id_is_signed[id in an unsigned header]",
    ),
    "dedupe by an id of which only a part is proved": Mutant(
        "functions/receiver/sources.py",
        "row.scheme is not None and all(",
        "row.scheme is not None and any(",
        "tests/receiver/test_message.py::"
        "test_a_custom_id_counts_as_proved_only_where_the_proof_covers_it[in a body and a header]",
    ),
    "dedupe without the body's digest": Mutant(
        "functions/processor/event.py",
        "        if not self.signed:\n            parts.append(sha256(self.data).digest())\n",
        "",
        "tests/processor/test_message.py::test_an_unsigned_id_is_told_apart_by_its_body",
    ),
    "log the body": Mutant(
        MAIN,
        "        places = Places(webhook)\n",
        "        places = Places(webhook)\n        entry['body'] = webhook.body.decode('latin-1')\n",
        f"{HTTP}::test_neither_log_nor_answer_nor_attribute_tells_a_secret_a_signature_or_a_body",
    ),
    "log the signature that would be right": Mutant(
        MAC,
        'raise Unproved("mismatch")',
        'raise Unproved(f"wanted {wanted}")',
        f"{HTTP}::test_neither_log_nor_answer_nor_attribute_tells_a_secret_a_signature_or_a_body",
    ),
    "log what an exception of a handler says": Mutant(
        "functions/processor/errors.py",
        'why = str(error) if isinstance(error, GiveUp | NotTaken | Misconfigured) else ""',
        "why = str(error)",
        "tests/processor/test_process.py::test_a_failure_is_logged_with_its_place_and_without_its_text",
    ),
    "accept an empty secret": Mutant(
        "functions/receiver/keys.py",
        "enumerate(filter(None, found), 1)",
        "enumerate(found, 1)",
        "tests/receiver/test_keys.py::test_what_is_no_secret_is_our_fault_and_never_a_secret[a space]",
    ),
    "accept a key that is empty once it is decoded": Mutant(
        "functions/receiver/schemes/encoding.py",
        '    if not key.strip(b"\\0"):\n        raise Failed("secret-form")\n',
        "",
        f"{SCHEMES}::test_a_key_of_zeros_is_the_empty_key_and_lets_nobody_in[hex]",
    ),
}
