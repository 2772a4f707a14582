"""Floats as they are spelled: digits, a point, digits, in one way each.

At most six digits stand before the point and six behind it. That holds all floats that the
solutions of HumanEval use but one (1e-10), and few enough digits that no two spellings are one
float: every float has at most one. The four that people write most have productions of their own.
"""

import math
import re
from collections.abc import Mapping
from decimal import Decimal

MAX_PLACES = 6
"""Digits before the point, and behind it, at most."""

_WHOLE = rf"(0|[1-9]\d{{0,{MAX_PLACES - 1}}})"
_BEGUN = re.compile(rf"{_WHOLE}(\.(\d{{0,{MAX_PLACES - 1}}}|\d{{{MAX_PLACES - 1}}}[1-9]))?")
_COMPLETE = re.compile(rf"{_WHOLE}\.(0|\d{{0,{MAX_PLACES - 1}}}[1-9])")
_LETTERS = "0123456789."


def spelled(value: float) -> str | None:
    """Return how a float is spelled, or None when it takes more digits; it is not negative."""
    if not math.isfinite(value):
        return None
    text = format(Decimal(repr(value)), "f")
    text = text if "." in text else f"{text}.0"
    return text if _COMPLETE.fullmatch(text) else None


def spellings(known: frozenset[str]) -> Mapping[str, Mapping[str, str]]:
    """Return what may follow what was spelled so far, so that nothing known is spelled.

    What was spelled is told apart only as far as it matters: beginnings of what is known stand for
    themselves, of all others only the number of digits counts, and whether the last one is a 0.

    Args:
        known: floats with a production of their own.

    Returns:
        Beginning -> letter -> the beginning with it; the letter "" ends it.
    """
    found: dict[str, dict[str, str]] = {}
    waiting = [""]
    while waiting:
        begun = waiting.pop()
        if begun in found:
            continue
        found[begun] = {
            letter: _like(begun + letter, known)
            for letter in _LETTERS
            if _BEGUN.fullmatch(begun + letter)
        }
        waiting += found[begun].values()
        if _COMPLETE.fullmatch(begun) and begun not in known:
            found[begun][""] = ""
    return {begun: found[begun] for begun in sorted(found)}


def _like(begun: str, known: frozenset[str]) -> str:
    """Return the beginning that stands for all that may go on in the same ways."""
    if any(text.startswith(begun) for text in known):
        return begun
    whole, point, fraction = begun.partition(".")
    if not point:
        return "9" * len(whole)
    is_open = len(fraction) > 1 and fraction.endswith("0")
    return f"9.{'9' * (len(fraction) - is_open)}{'0' * is_open}"
