"""Files that come in a stream: `-`, standard input, as Unix tools take it, and pipes.

cut -f 2 table.tsv | python -m models.grammar_vae.use encode --model RUN --file -
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from models.errors import UserError

_DASH = Path("-")


def is_stream(path: Path) -> bool:
    """Return whether a path stands for standard input or is a pipe, as of the shell's <(...)."""
    return path == _DASH or path.is_fifo()


def name_of(path: Path) -> str:
    """Return what messages call a file."""
    return "standard input" if path == _DASH else str(path)


def read_stream(path: Path) -> bytes:
    """Return all that comes from a path of which `is_stream` is true.

    Raises:
        UserError: this process has no standard input, or it cannot be read.
    """
    if path != _DASH:
        return path.read_bytes()
    if sys.stdin is None:
        raise UserError("'-' is standard input, and there is none: give a file")
    if sys.stdin.isatty():
        sys.stderr.write("note: '-' is standard input: type the text and end it with Ctrl-D\n")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise UserError(f"standard input cannot be read ({error}): give a file") from error


def read_stream_text(path: Path) -> str:
    """Return the text that comes from a path of which `is_stream` is true.

    Raises:
        UserError: it cannot be read, or is not UTF-8.
    """
    try:
        return read_stream(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{name_of(path)}: cannot be read: {error}") from error


def check_read_once(paths: Iterable[Path]) -> None:
    """Refuse standard input in two places.

    Raises:
        UserError: `-` is there twice.
    """
    if [*paths].count(_DASH) > 1:
        raise UserError("'-' is given twice, and standard input can be read once: give a file")
