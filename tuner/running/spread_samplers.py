"""Samplers that look at no results: quasi-random points, and all points of a grid."""

from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from tuner.running.space_optuna import label
from tuner.running.trial_streams import SeededRandomSampler
from tuner.search.domains import IntRange, ListOf, ScalarDomain
from tuner.search.space import Space, flat_names


class SpreadSampler(SeededRandomSampler):
    """Draws the points of a scrambled Sobol sequence, which leave fewer gaps than random ones.

    A point has a coordinate for every scalar that may be active. Where it was drawn before, as on
    small grids, it is drawn at random.

    Args:
        seed: of the scrambling.
        space: the search space.
    """

    def __init__(self, seed: int, space: Space) -> None:
        super().__init__(seed)
        self._scalars = scalars(space)
        self._attempt = 0

    def begin(self, number: int, attempt: int = 0) -> None:
        """Take the point of this trial, or its stream of random numbers."""
        super().begin(number, attempt)
        self._attempt = attempt

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the point of the trial's number."""
        if self._attempt:
            return {}
        from scipy.stats.qmc import Sobol

        sequence = Sobol(len(self._scalars), rng=self._seed)
        if trial.number:  # SciPy counts below 0 otherwise
            sequence.fast_forward(trial.number)
        (point,) = sequence.random(1)
        return {
            name: label(domain, quantile(domain, float(share)))
            for (name, domain), share in zip(self._scalars.items(), point, strict=True)
        }


class GridSampler(SeededRandomSampler):
    """Stands for all points, one after another: the drawing takes them in the file's order."""


def scalars(space: Space) -> dict[str, ScalarDomain]:
    """Return the domain of every scalar that is active somewhere in a space, by its flat name."""
    found: dict[str, ScalarDomain] = {}
    for parameter in space.parameters:
        domain = parameter.domain
        if isinstance(domain, ListOf):
            found |= dict.fromkeys(flat_names(parameter.key, _longest(domain, space)), domain.item)
        else:
            found[parameter.key] = domain
    return found


def quantile(domain: ScalarDomain, share: float) -> Any:
    """Return the value below which this share of the domain lies."""
    if isinstance(domain, IntRange) and domain.log:
        low, high = domain.low - 0.5, domain.high + 0.5
        return domain.nearest(low * (high / low) ** share)
    return domain.value_at(min(int(share * domain.num_values), domain.num_values - 1))


def _longest(domain: ListOf, space: Space) -> int:
    if isinstance(domain.length, int):
        return domain.length
    if domain.length not in space.keys:
        return int(space.preset[domain.length])
    ends = (*space.parameter(domain.length).extremes, space.preset[domain.length])
    return int(max(ends))
