"""Agreement of orders, and intervals by drawing trials anew (Efron 1979)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.9
"""The share of intervals that hold the true value, roughly."""
_NUM_DRAWS = 300


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate with the interval of `LEVEL`; NaN where nothing can be said."""

    value: float
    low: float
    high: float


def kendall(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return Kendall's tau-b: 1 for the same order, 0 for none, -1 for the reverse.

    NaN where all values on a side are equal.
    """
    from scipy.stats import kendalltau  # which takes half a second to import

    return float(cast("Any", kendalltau(one, other)).statistic)


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return Spearman's rho: the correlation of ranks, equal values sharing theirs; or NaN."""
    from scipy.stats import spearmanr

    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(cast("Any", spearmanr(one, other)).statistic)


def bootstrap(
    statistic: Callable[[NDArray[np.intp]], float], num: int, num_draws: int = _NUM_DRAWS
) -> Interval:
    """Return a statistic of all rows, with the interval that drawing rows with replacement gives.

    Args:
        statistic: of the rows of these numbers.
        num: how many rows there are.
        num_draws: how often they are drawn.
    """
    rng = np.random.default_rng(0)
    drawn = [statistic(rng.integers(num, size=num)) for _ in range(num_draws)]
    value = statistic(np.arange(num))
    if not np.isfinite(drawn).any():
        return Interval(value=value, low=float("nan"), high=float("nan"))
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return Interval(value=value, low=float(low), high=float(high))
