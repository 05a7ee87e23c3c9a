"""Remembers the checkpoints of a source's webhooks from run to run."""

import os
import sys
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from .deliveries import Checkpoint, Delivery

NOTES = TypeAdapter(dict[str, Checkpoint])


class Notebook:
    """A file with the checkpoint of each webhook; one that can't be read ends the program."""

    def __init__(self, file: Path, webhook: str) -> None:
        self._file, self._webhook = file, webhook
        try:
            self._notes = NOTES.validate_json(file.read_bytes()) if file.exists() else {}
        except ValueError:
            sys.exit(f"{file} is damaged; delete it, and the next run begins anew")

    @property
    def checkpoint(self) -> Checkpoint:
        """What was kept last, else that nothing is known."""
        return self._notes.get(self._webhook, Checkpoint())

    def keep(self, checkpoint: Checkpoint) -> None:
        """Replace the file as a whole, so that a run that is killed leaves the old one or the new."""
        self._notes[self._webhook] = checkpoint
        self._file.parent.mkdir(exist_ok=True)
        beside = self._file.with_suffix(".new")
        beside.write_bytes(NOTES.dump_json(self._notes, indent=2))
        os.replace(beside, self._file)

    def note(self, delivery: Delivery, now: datetime) -> None:
        """Keep that a delivery has been asked for."""
        self.checkpoint.asked[delivery.id] = now
        self.keep(self.checkpoint)
