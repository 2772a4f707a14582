"""Ctrl-C and SIGTERM during a search: the first ends it in order, the second at once.

Python's own KeyboardInterrupt could strike in the middle of a line of the study's journal. Here the
first signal only sets a flag, which Ray's loop looks at ten times a second.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 130


class SearchInterrupted(KeyboardInterrupt):
    """Somebody asked the search to end."""


class Interrupts:
    """Remembers whether somebody asked for the end."""

    def __init__(self) -> None:
        self.requested = False

    def check(self) -> None:
        """Leave Ray's loop if somebody asked for the end.

        Raises:
            SearchInterrupted: a signal came.
        """
        if self.requested:
            raise SearchInterrupted

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            os._exit(EXIT_CODE)  # Ray's processes die with their parent
        self.requested = True
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        sys.stderr.write(f"\n{name}: stopping the running trials (once more leaves at once)\n")


@contextmanager
def catch_signals() -> Iterator[Interrupts]:
    """Catch SIGINT and SIGTERM inside the block; elsewhere than in the main thread catch none."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, interrupts._on_signal) for number in numbers]
    try:
        yield interrupts
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
