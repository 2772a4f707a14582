"""Where the commands write: standard output, wide enough for a table when it is no terminal."""

import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.table import Table

_WIDTH_OF_FILES = 160


def output() -> Console:
    """Return the console of standard output."""
    width = None if sys.stdout.isatty() else _WIDTH_OF_FILES
    return Console(file=sys.stdout, width=width, highlight=False, markup=False)


def print_parts(console: Console, parts: Iterable[str | Table]) -> None:
    """Print lines, which a terminal may wrap, and tables."""
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, str))


@contextmanager
def orderly_sigterm() -> Iterator[None]:
    """Let SIGTERM leave the block as Ctrl-C does, with exit code 143."""
    before = signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
