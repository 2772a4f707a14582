"""Messages for texts that are not of the grammar, in the words of whoever wrote the text."""

import re
from collections.abc import Sequence

from models.errors import UserError
from models.grammar.white_space import column, strip_white_space

_DIGITS = tuple("0123456789")
_MAX_SHOWN = 120
"""Characters of a text that a message quotes."""


class OutsideGrammar(UserError):
    """A text is not of the grammar."""


def joined_words_error(text: str, gap: re.Match[str], where: str) -> UserError:
    """Build the error for white space that separates two numbers or names."""
    left, right = text[gap.start() - 1], text[gap.end()]
    return OutsideGrammar(
        f"{_place(where, gap.start() + 1)}white space between {left!r} and {right!r} in "
        f"{excerpt(text, gap.start())} would join them: remove it, or write what belongs between"
    )


def white_space_error(text: str, gap: re.Match[str], where: str) -> UserError:
    """Build the error for white space inside a text of a grammar that has none."""
    return OutsideGrammar(
        f"{_place(where, gap.start() + 1)}white space in {excerpt(text, gap.start())}: texts of "
        "this grammar have none: remove it, and what follows it where that is a name"
    )


def unexpected_error(
    text: str, position: int, expected: Sequence[str], end_fits: bool, where: str
) -> UserError:
    """Build the error for a text that stops being of the grammar.

    Args:
        text: as it was given.
        position: of the first character, in the stripped text, that starts no expected symbol.
        expected: the symbols that could stand there, in the grammar's order.
        end_fits: whether the text could also end there.
        where: the text's place.
    """
    stripped = strip_white_space(text)
    if not stripped:
        return UserError(f"{_place(where, 1)}the text is empty: expected {_listing(expected)}")
    rest = stripped[position:]
    begun = max((_common_prefix(symbol, rest) for symbol in expected), default=0)
    if begun:
        expected = [symbol for symbol in expected if _common_prefix(symbol, rest) == begun]
        end_fits = False
    at = column(text, position + begun)
    found = "the text ends too early" if begun == len(rest) else f"unexpected {rest[begun]!r}"
    after = f" after {rest[:begun]!r}" if begun else ""
    listing = _listing([*expected], end_fits)
    return OutsideGrammar(
        f"{_place(where, at)}{found}{after} in {excerpt(text, at - 1)}: expected {listing}"
    )


def excerpt(text: str, at: int) -> str:
    """Return a text as a message quotes it: of a long one what lies around a place in it."""
    if len(text) <= _MAX_SHOWN:
        return repr(text)
    start = max(0, min(at - _MAX_SHOWN // 2, len(text) - _MAX_SHOWN))
    shown = text[start : start + _MAX_SHOWN]
    return f"{'...' if start else ''}{shown!r}{'...' if start + len(shown) < len(text) else ''}"


def _place(where: str, at: int) -> str:
    return f"{where}, column {at}: " if where else f"column {at}: "


def _common_prefix(first: str, second: str) -> int:
    length = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        length += 1
    return length


def _listing(expected: Sequence[str], end_fits: bool = False) -> str:
    """Join symbols for a message; the ten digits become one entry."""
    items = [repr(symbol) for symbol in expected]
    if set(_DIGITS) <= set(expected):
        items = [repr(symbol) for symbol in expected if symbol not in _DIGITS] + ["a digit"]
    if end_fits:
        items.append("the end of the text")
    return items[0] if len(items) == 1 else f"one of {', '.join(items)}"
