"""Python files as Python imports them: bytes in, a syntax tree out.

The encoding (a byte order mark, a declaration, or UTF-8), the ends of lines, form feeds, tabs and
continued lines are Python's affair, so text is never decoded, cut or joined here.
"""

import ast
import importlib.util
import stat
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from models.errors import UserError

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

_DEEP_RECURSION = 20_000
_DEEP_STACK = 256 * 2**20
"""Bytes; for so deep a recursion with room to spare. Only what is used takes memory."""


def read_source(path: Path) -> bytes:
    """Return what a regular file holds; anything else may never end, or wait for ever.

    Raises:
        UserError: why it cannot be read; the message does not name the file.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
            raise UserError(f"this is {kind}: give a regular file")
        return path.read_bytes()
    except FileNotFoundError as error:
        if path.is_symlink():
            raise UserError("this is a link to a file that does not exist: mend the link") from None
        raise UserError(f"cannot be read: {error.strerror}") from error
    except MemoryError:
        raise UserError("cannot be read: it does not fit into memory") from None
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror or error}") from error


def parse_source(source: str | bytes) -> ast.Module:
    """Return the syntax tree that Python makes of a source, if Python compiles it, too.

    Raises:
        UserError: why Python refuses it, with line and column where Python gives them.
    """
    try:
        with warnings.catch_warnings():  # of odd escapes in strings, which are the user's affair
            warnings.simplefilter("ignore")
            # Some mistakes come out only here: a return outside of functions, a name given twice.
            compile(source, "<source>", "exec", dont_inherit=True)
            return _tree(source)
    except SyntaxError as error:
        place = f"line {error.lineno or 1}, column {max(error.offset or 1, 1)}"
        raise UserError(f"{place}: {error.msg}") from None
    except (RecursionError, MemoryError):
        # Python 3.11 raises a MemoryError without a word where its parser's stack ends.
        raise UserError("line 1, column 1: this is nested too deeply for Python") from None
    except ValueError as error:
        raise UserError(f"line 1, column 1: this is no Python source: {error}") from None


def _tree(source: str | bytes) -> ast.Module:
    """Return the syntax tree of a source that Python compiles.

    Building it takes more of the stack than compiling does: a chain of 1,500 `elif` runs, and its
    tree meets the limit. Then a thread with a stack for it builds the tree.
    """
    try:
        return ast.parse(source)
    except RecursionError:
        pass
    limit, size = sys.getrecursionlimit(), threading.stack_size(_DEEP_STACK)
    sys.setrecursionlimit(max(limit, _DEEP_RECURSION))
    try:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(ast.parse, source).result()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(size)


def source_text(source: str | bytes) -> str:
    """Return a source that Python takes as text, to find columns in it for messages."""
    if isinstance(source, str):
        return source
    try:
        return importlib.util.decode_source(source)
    except (SyntaxError, ValueError, LookupError):  # it looks for the encoding more strictly
        return source.decode(errors="replace")
