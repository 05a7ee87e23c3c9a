"""Lets a command finish what it is at when it is told to stop."""

import signal
import time
from types import FrameType
from typing import Self


class Stop:
    """Notes Ctrl-C and SIGTERM, so that no answer is lost on its way; the second one ends the process at once."""

    told = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wait(self, seconds: float) -> None:
        """Sleep so long, unless told to stop."""
        end = time.monotonic() + seconds
        while not self.told and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))

    def _note(self, number: int, _: FrameType | None) -> None:
        self.told = True
        signal.signal(number, signal.SIG_DFL)
