"""Writes docs/providers.md and terraform/providers.json out of the rows, or prints them as a table."""

import re
import sys
from collections.abc import Sequence
from dataclasses import MISSING, fields
from inspect import cleandoc
from pathlib import Path
from textwrap import fill

from tabulate import tabulate

from functions.receiver import handshakes
from functions.receiver.handshakes import Handshake
from functions.receiver.providers import CATEGORIES, PROVIDERS, Provider
from functions.receiver.schemes import SCHEMES, Publishes, Scheme
from functions.receiver.schemes.encoding import ENCODINGS, KEYS
from functions.receiver.schemes.template import PARTS

from . import facts

FILE = Path(__file__).parent.parent / "docs" / "providers.md"
HEADINGS = ("provider", "proof", "proves the body", "handshake", "secret", "sends again")
QUESTIONS = {id(value): name for name, value in vars(handshakes).items() if isinstance(value, Handshake)}
# What a sender's own entry may say of its proof.
PARTS_OF_IT = ", ".join(f"`{{{part}}}`" for part in (*PARTS, "timestamp", "id"))
PARAMETERS = (
    "What the parameters mean stands with each [scheme](../functions/receiver/schemes).",
    f"`signs` is text with {PARTS_OF_IT} and places such as `{{json:data.id}}` in it; what stands in brackets is left "
    "out where its place is missing.",
    f"`key` is how the secret is written: {', '.join(KEYS)}; `encoding` how the proof is: {', '.join(ENCODINGS)}.",
)
# Where a proof stands, by the parameter that says so.
PLACES = {"header": "`{}`", "signature": "`{}`", "query": "`?{}=`", "json": "`json:{}`"}
# What a proof of the whole body covers: all of it, or the one field that has it.
WHOLE = ("digest", "json:x", "json:Message", "form:bt_payload")
# What is left out, and why.
LEFT_OUT = {
    "a list of addresses": "where a request comes from is in a header that the caller can begin, and proves no body",
    "Airship": "it calls an endpoint to have messages delivered, and waits for real answers",
    "HubSpot, versions 1 and 2": "plain hashes with the secret in front, which can be made longer",
    "Microsoft Teams, slash commands": "they want a real answer in the response, which a queue can't give",
    "Miro": "its documents name no proof",
    "npm": "its webhooks were switched off in 2024",
    "Sinch as one": "its products prove themselves differently: sinch-application, sinch-conversation, sinch-numbers",
    "Vonage SMS with MD5 hash": "a plain hash with the secret behind it; the account's settings have an HMAC too",
}
INTRODUCTION = """\
# Providers

{count} providers, a row each in [functions/receiver/providers](../functions/receiver/providers). Their names are what
`provider:` in sources.yaml takes. `make providers` prints them, `make docs` writes this page.

- **proof** is the scheme (see [schemes](../functions/receiver/schemes)), its hash, and where it stands. A *published
  key* is fetched from the provider's own address; the local run makes one up.
- **proves the body**: where it says no, only the sender is proved, or a part of the body. Whoever has seen one such
  request can send another body with it: fetch what matters from the provider.
- **handshake** is the question that the provider asks before it sends, and the method of it. A *verify token*
  is a second secret: `TOKEN_<SOURCE>`, or `webhook-<source>_token` in Secret Manager.
- **secret** is where you find or set it, and its form; paste it as it is shown there. What a provider *needs* besides
  goes into the source's entry in sources.yaml.
- **sends again** is whether the provider repeats a webhook after a failure, as far as its pages say.

{occurred} of them say when what they tell of happened, at a place that their row knows: `event.occurred_at`. For any
other, `occurred:` in sources.yaml can name a place.
"""
OTHERS = f"""\
## Any other sender

`verify:` in sources.yaml takes one of these, with parameters: `verify: {{hmac: {{header: X-Signature, key: hex}}}}`.
{fill(" ".join(PARAMETERS), 120, break_on_hyphens=False)}

| scheme | what it is | parameters (defaults) |
| --- | --- | --- |"""


def main() -> None:
    """Print the table with `table`, else write the page, and the file for Terraform."""
    if sys.argv[1:] == ["table"]:
        rows = [[name, *_cells(row), row.docs] for name, row in sorted(PROVIDERS.items())]
        plain = [[cell.replace("`", "") for cell in row] for row in rows]
        print(tabulate(plain, [*HEADINGS, "page"], maxcolwidths=[None, 40, None, 24, 44, None, None]))
        return
    FILE.write_text(page())
    facts.FILE.write_text(facts.text())
    print(f"wrote {FILE.name} and {facts.FILE.name}: {len(PROVIDERS)} providers")


def page() -> str:
    """The page as it should be."""
    occurred = sum(1 for row in PROVIDERS.values() if row.occurred)
    parts = [INTRODUCTION.format(count=len(PROVIDERS), occurred=occurred)]
    for category in CATEGORIES:
        rows = [[f"[{name}]({PROVIDERS[name].docs})", *_cells(PROVIDERS[name])] for name in category.PROVIDERS]
        lines = [HEADINGS, ["---"] * len(HEADINGS), *rows]
        parts += [f"## {str(category.__doc__).rstrip('.')}\n", *(_line(line) for line in lines), ""]
    schemes = [f"| {name} | {first_sentence(kind)} | {parameters(kind)} |" for name, kind in SCHEMES.items()]
    left_out = [f"- **{name}**: {why}." for name, why in LEFT_OUT.items()]
    return "\n".join([*parts, OTHERS, *schemes, "", "## Left out\n", *left_out]) + "\n"


def first_sentence(kind: type[Scheme]) -> str:
    """What a scheme is, as it says itself."""
    return re.split(r"(?<=\.)\s|: |\n\n", cleandoc(str(kind.__doc__)))[0].rstrip(".").replace("\n", " ")


def parameters(kind: type[Scheme]) -> str:
    """What a scheme takes from sources.yaml, each with its default."""
    known = [field for field in fields(kind) if field.type is str and field.name != "asks"]
    return ", ".join(f"`{f.name}`" + (f" ({f.default})" if f.default not in ("", MISSING) else "") for f in known)


def _line(cells: Sequence[str]) -> str:
    escaped = " | ".join(cell.replace("|", "\\|") for cell in cells)
    return f"| {escaped} |"


def _cells(row: Provider) -> list[str]:
    assert row.scheme
    proves = "yes" if any(row.scheme.covers(place) for place in WHOLE) else "no"
    needed = [need for need in row.needs if f"{need}:" not in row.secret]
    needs = f" (needs {', '.join(needed)})" if needed else ""
    again = {True: "yes", False: "no", None: ""}[row.retries]
    return [proof(row.scheme), proves, question(row.handshake), row.secret + needs, again]


def proof(scheme: Scheme) -> str:
    """What a scheme is, in a few words: its name, its hash, and where it stands."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(scheme).__name__).lower()
    digest = getattr(scheme, "digest", getattr(scheme, "algorithm", ""))
    held = {field: value.partition("|")[0] for field in PLACES if (value := getattr(scheme, field, ""))}
    place = next((PLACES[field].format(value) for field, value in held.items()), "")
    published = ", published key" if isinstance(scheme, Publishes) else ""
    return " ".join(filter(None, [name, digest.partition("|")[0], place])) + published


def question(handshake: Handshake | None) -> str:
    """What a handshake is, in a few words."""
    if handshake is None:
        return ""
    name = QUESTIONS.get(id(handshake), "ping").replace("_", " ")
    return f"{'/'.join(handshake.methods)} {name}" + (", verify token" if handshake.has_token else "")


if __name__ == "__main__":
    main()
