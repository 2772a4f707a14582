"""Ctrl-C and SIGTERM during a search: the first ends it in order, the second at once.

Python's own KeyboardInterrupt could strike in the middle of a line of the study's journal. So
while trials run a signal only sets a flag, which Ray's loop looks at ten times a second.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from models.commands.process import INTERRUPTED

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class SearchInterrupted(KeyboardInterrupt):
    """Somebody asked the search to end."""


class Interrupts:
    """Remembers whether somebody asked for the end, and raises when it is safe."""

    def __init__(self) -> None:
        self._requested = False
        self._deferring = False

    def check(self) -> None:
        """Raise what was deferred.

        Raises:
            SearchInterrupted: a signal came.
        """
        if self._requested:
            raise SearchInterrupted

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Inside the block a signal raises nothing: `check` does."""
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if self._requested:
            os._exit(INTERRUPTED)  # Ray's processes die with their parent
        self._requested = True
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        sys.stderr.write(f"\n{name}: ending the search (once more leaves at once)\n")
        if not self._deferring:
            raise SearchInterrupted


@contextmanager
def catch_signals() -> Iterator[Interrupts]:
    """Catch SIGINT and SIGTERM inside the block; elsewhere than in the main thread catch none."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {number: signal.signal(number, interrupts.on_signal) for number in _SIGNALS}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
