"""A YAML file as keys that know where they stand, so that an error can name the line."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .errors import Misconfigured

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Wrong(Exception):
    """What an entry says is not allowed; it knows the line and the key."""

    def __init__(self, entry: "Entry", text: str) -> None:
        super().__init__(f"{entry.key}: {text}")
        self.line = entry.line


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of the file with its value, and where it stands."""

    key: str
    line: int
    node: yaml.Node

    @property
    def value(self) -> Any:
        """What it holds; Wrong if YAML can't make it."""
        try:
            return yaml.constructor.SafeConstructor().construct_document(self.node)
        except (yaml.YAMLError, ValueError, TypeError) as error:
            raise Wrong(self, f"can't be read: {getattr(error, 'problem', None) or error}") from None


def read(path: Path) -> dict[str, Entry]:
    """Read the keys of a file; Misconfigured if it is no YAML, Wrong if it is no mapping."""
    try:
        return entries(yaml.compose(path.read_text(encoding="utf-8"), Loader=LOADER))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Misconfigured(f"{path} can't be read as YAML: {error}") from None


def entries(node: yaml.Node | None, parent: Entry | None = None) -> dict[str, Entry]:
    """Read the keys of a mapping; Wrong if it is none, or if one stands there twice."""
    if not isinstance(node, yaml.MappingNode):
        raise Wrong(parent or Entry("the file", 1, yaml.ScalarNode("", "")), "must be a mapping of names to values")
    found: dict[str, Entry] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise Wrong(parent or Entry("the file", key.start_mark.line + 1, key), "has a name that is no text")
        name = str(key.value)
        entry = Entry(f"{parent.key}.{name}" if parent else name, key.start_mark.line + 1, value)
        if name in found:
            raise Wrong(entry, f"stands here for the second time, first on line {found[name].line}")
        found[name] = entry
    return found
