"""Fewer points of long curves and many trials, so that a page stays small and quick."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def thin_curve(points: Sequence[T], at_most: int) -> list[T]:
    """Return points at even distances, the first and the last among them."""
    if len(points) <= at_most:
        return list(points)
    kept = np.unique(np.linspace(0, len(points) - 1, at_most).round().astype(int))
    return [points[index] for index in kept]


def some(ranked: Sequence[T], at_most: int, num_best: int) -> list[T]:
    """Return the best and a random part of the others, in their order.

    Args:
        ranked: the best first.
        at_most: how many in all.
        num_best: how many of the best are among them in any case.
    """
    if len(ranked) <= at_most:
        return list(ranked)
    others = np.random.default_rng(0).choice(
        np.arange(num_best, len(ranked)), at_most - num_best, replace=False
    )
    return [ranked[index] for index in [*range(num_best), *sorted(others)]]


def some_words(shown: int, all_of: int, num_best: int, what: str = "trials") -> str:
    """Say what was left out; nothing where all is shown."""
    if shown == all_of:
        return ""
    return (
        f"Drawn are {shown:,} of {all_of:,} {what}: the best {num_best:,}, "
        "and others taken at random."
    )


def plain_domain(values: Sequence[float], *, worse_low: bool) -> tuple[float, float] | None:
    """Return the range to draw where a few values are so bad that they would hide the others.

    Values more than five times the middle half's spread beyond the worse quartile lie outside.

    Args:
        values: finite ones.
        worse_low: whether less is worse.

    Returns:
        None where all values can be drawn.
    """
    if len(values) < 4:
        return None
    signed = np.asarray(values, dtype=float) * (1 if worse_low else -1)
    low, high = np.quantile(signed, [0.25, 0.75])
    fence = low - 5 * (high - low)
    if high == low or signed.min() >= fence:
        return None
    ends = sorted((float(fence), float(signed.max())))
    return (ends[0], ends[1]) if worse_low else (-ends[1], -ends[0])
