"""How numbers and lists are written in the words of a report."""

import math
from collections.abc import Sequence

from tuner.record.values import is_count, value_words


def number(value: float | None) -> str:
    """Return a metric's value: of counts all digits, else four decimals or four digits."""
    if value is None or not math.isfinite(value):
        return "-"
    if is_count(value):
        return value_words(value)
    plain = value == 0 or 1e-3 <= abs(value) < 1e5
    return f"{value:.4f}" if plain else f"{value:.4g}"


def signed(value: float) -> str:
    """Return a difference with its sign."""
    return f"+{number(value)}" if value > 0 else number(value)


def alike(values: Sequence[float], *, sign: bool = False) -> list[str]:
    """Return numbers that are read side by side with as many decimals each.

    Args:
        values: a difference and the ends of its interval, say.
        sign: whether those above 0 have theirs.
    """
    finite = [value for value in values if math.isfinite(value)]
    largest = max(map(abs, finite), default=0.0)
    if is_count(largest) and all(value == math.floor(value) for value in finite):
        form = "+,.0f" if sign else ",.0f"
        return [format(value, form) if math.isfinite(value) else "-" for value in values]
    if largest >= 1e5:
        return [signed(value) if sign else number(value) for value in values]
    decimals = max(4, 1 - math.floor(math.log10(largest))) if largest else 4
    texts = [f"{value:.{min(decimals, 12)}f}" if math.isfinite(value) else "-" for value in values]
    return [
        f"+{text}" if sign and value > 0 else text
        for value, text in zip(values, texts, strict=True)
    ]


def share(value: float) -> str:
    """Return a share as a percentage; next to nothing is said to be so."""
    return "under 1 %" if 0 < value < 0.01 else f"{value:.0%}".replace("%", " %")


def setting(value: object) -> str:
    """Return a value of a searched key."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(setting, value))}]"
    return "null" if value is None else str(value)


def listing(items: Sequence[str], at_most: int = 8) -> str:
    """Return `a, b and c`; of a long list its beginning."""
    if len(items) > at_most:
        return f"{', '.join(items[:at_most])} and {len(items) - at_most} more"
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
