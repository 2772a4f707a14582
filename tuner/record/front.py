"""The Pareto front of several objectives: the trials that no other beats in all of them."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from tuner.search.blocks import Objective

Costs: TypeAlias = tuple[float, ...]
"""A trial's values of the objectives, less is better."""


def objective_costs(metrics: Mapping[str, float], objectives: Sequence[Objective]) -> Costs | None:
    """Return the values as costs; None where one of them is missing or not finite."""
    values = [(metrics.get(one.metric, math.nan), one.mode) for one in objectives]
    if not all(math.isfinite(value) for value, _ in values):
        return None
    return tuple(-value if mode == "max" else value for value, mode in values)


def dominates(one: Costs, other: Costs) -> bool:
    """Return whether one is nowhere worse than the other, and somewhere better."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


class Front:
    """The front of the trials that were added so far; what leaves it never comes back."""

    def __init__(self) -> None:
        self._costs: dict[str, Costs] = {}

    def add(self, trial: str, costs: Costs) -> None:
        """Add a trial that has ended."""
        if not self.beats(costs):
            left = {name: own for name, own in self._costs.items() if not dominates(costs, own)}
            self._costs = {**left, trial: costs}

    def beats(self, costs: Costs) -> bool:
        """Return whether a trial of the front dominates these costs."""
        return any(dominates(own, costs) for own in self._costs.values())

    def __contains__(self, trial: object) -> bool:
        return trial in self._costs
