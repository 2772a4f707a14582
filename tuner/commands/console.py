"""Where the commands write: standard output, wide enough for a table when it is no terminal."""

import sys

from rich.console import Console

_WIDTH_OF_FILES = 160


def output() -> Console:
    """Return the console of standard output."""
    width = None if sys.stdout.isatty() else _WIDTH_OF_FILES
    return Console(file=sys.stdout, width=width, highlight=False, markup=False)
