"""How the value of a metric is written for people."""

import math

_LEAST_COUNT = 1000


def value_words(value: float | None, *, sign: bool = False) -> str:
    """Return four decimals; a count of a thousand and more has none, and its digits in groups.

    Args:
        value: None, and what is not finite, is `-`.
        sign: whether it is a difference, of which those above 0 have theirs.
    """
    if value is None or not math.isfinite(value):
        return "-"
    return format(value, f"{'+' if sign else ''}{',.0f' if is_count(value) else '.4f'}")


def is_count(value: float) -> bool:
    """Return whether a value is of the kind of `params`: whole, and a thousand or more."""
    return abs(value) >= _LEAST_COUNT and value == math.floor(value)
