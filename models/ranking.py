"""Which of two epochs is the better one: the only order of epochs, checkpoints and trials.

A trial's score is its best value so far. Of epochs with equal values the one with the better value
of the model's secondary metric is the better one, and of those that are equal in that, too, the
later one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Mode = Literal["max", "min"]
Cost: TypeAlias = tuple[float, float, int]
"""Where an epoch stands: less is better."""

NO_VALUE: Cost = (math.inf, math.inf, 0)
"""Where a trial stands that has no epoch with a finite value: behind all others."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """An order of epochs by what they report.

    Attributes:
        metric: what ranks.
        mode: whether more or less of it is better.
        secondary: what ranks epochs with equal values; None leaves it to their numbers.
        secondary_mode: whether more or less of that is better.
    """

    metric: str
    mode: Mode
    secondary: str | None = None
    secondary_mode: Mode = "max"

    @property
    def label(self) -> str:
        """The metric without its prefix, as names of checkpoint files have it."""
        return self.metric.rpartition("/")[2]

    def cost(self, metrics: Mapping[str, float], epoch: int) -> Cost:
        """Return what sorts epochs, the best one first; a value that is not finite comes last."""
        second = math.inf
        if self.secondary is not None:
            second = _cost(metrics.get(self.secondary, math.nan), self.secondary_mode)
        return _cost(metrics.get(self.metric, math.nan), self.mode), second, -epoch


def has_value(cost: Cost) -> bool:
    """Return whether the cost is of an epoch with a finite value."""
    return math.isfinite(cost[0])


def _cost(value: float, mode: Mode) -> float:
    if not math.isfinite(value):
        return math.inf
    return -value if mode == "max" else value
