"""Packs the folder of a function into a zip: the same bytes of the same files, whenever and wherever."""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ..local import FOLDER

FUNCTIONS = Path("functions")
# What belongs to those who work on the function, not to the function.
LEFT_OUT = ("__pycache__", "requirements.in")


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip with the source of a function, named by its content: another content is another deployment."""

    name: str
    data: bytes

    @property
    def path(self) -> Path:
        """Where it is written to."""
        return FOLDER / self.name

    def write(self) -> None:
        """Write it, for gcloud to take."""
        FOLDER.mkdir(exist_ok=True)
        self.path.write_bytes(self.data)


def pack(function: str, folder: Path = FUNCTIONS) -> Archive:
    """Pack a function, in the order of its files' names."""
    root = folder / function
    files = sorted((file.relative_to(root).as_posix(), file) for file in root.rglob("*") if file.is_file())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:  # not compressed: that is not the same everywhere
        for name, file in files:
            if _belongs(name):
                archive.writestr(_entry(name), file.read_bytes())
    data = packed.getvalue()
    return Archive(f"{function}-{hashlib.sha256(data).hexdigest()[:16]}.zip", data)


def _belongs(name: str) -> bool:
    parts = name.split("/")
    return not name.endswith(".pyc") and not any(part in LEFT_OUT or part.startswith(".") for part in parts)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o100644 << 16
    entry.create_system = 3  # the modes are Unix's, wherever it is packed
    return entry
