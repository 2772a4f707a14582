"""Draws the points of a search, none of them twice.

A point is drawn in memory, compared with all that were drawn before, and only then written. So the
study never holds a row whose parameters are half drawn, and a sampler that would repeat a point, as
TPE does on small spaces, is asked again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, _get_single_value
from optuna.trial import FrozenTrial, TrialState, create_trial

from tuner.running.bounded_sampler import BoundedTPESampler
from tuner.running.space_optuna import draw, encode
from tuner.running.trial_streams import SeededRandomSampler
from tuner.search.search import WarmStart
from tuner.search.space import Space
from tuner.search.space_points import points

NUM_ATTEMPTS = 50
"""So often the sampler is asked for a new point; then one that is left is taken."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A point of the space; `preset` is the one that it came from, at a warm start."""

    values: Mapping[str, Any]
    preset: str | None = None


class PointDrawer:
    """Gives every trial its point: the warm starts first, then what the sampler draws.

    Args:
        study: what the sampler learns from.
        sampler: draws.
        space: where.
        warm_starts: the points of the first trials, in order.
        seed: of what is drawn where the sampler finds nothing new.
        drawn: the points of trials that were drawn before, as their values.
    """

    def __init__(
        self,
        study: optuna.Study,
        sampler: BoundedTPESampler | SeededRandomSampler,
        space: Space,
        *,
        seed: int,
        warm_starts: Sequence[WarmStart] = (),
        drawn: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        self._study = study
        self._sampler = sampler
        self._space = space
        self._seed = seed
        self._first = first_points(space, warm_starts)
        self._drawn = {_key(space, values) for values in drawn}

    def draw(self, number: int) -> Point:
        """Return the point of the trial of this number; there must be one that is left."""
        point = self._first[number] if number < len(self._first) else self._new(number)
        self._drawn.add(_key(self._space, point.values))
        return point

    def _new(self, number: int) -> Point:
        trial = create_trial(state=TrialState.RUNNING)
        trial.number = number
        together = self._sampler.infer_relative_search_space(self._study, trial)
        for attempt in range(NUM_ATTEMPTS):
            values = self._sample(trial, together, attempt)
            if self._is_new(values):
                return Point(values=values)
        stream = np.random.default_rng([self._seed, number])
        others = points(self._space, lambda num_values: int(stream.integers(num_values)))
        return Point(values=next(filter(self._is_new, others)))

    def _sample(
        self, trial: FrozenTrial, together: dict[str, BaseDistribution], attempt: int
    ) -> dict[str, Any]:
        self._sampler.begin(trial.number, attempt)
        drawn = self._sampler.sample_relative(self._study, trial, together)

        def ask(name: str, distribution: BaseDistribution) -> Any:
            if distribution.single():
                return _get_single_value(distribution)
            if name in drawn:
                return drawn[name]
            return self._sampler.sample_independent(self._study, trial, name, distribution)

        return draw(self._space, ask)

    def _is_new(self, values: Mapping[str, Any]) -> bool:
        return _key(self._space, values) not in self._drawn


def first_points(space: Space, warm_starts: Sequence[WarmStart]) -> list[Point]:
    """Return the points of the warm starts; presets that stand at one point are one trial."""
    found: dict[str, Point] = {}
    for start in warm_starts:
        point = Point(values=start.values, preset=start.preset.name)
        found.setdefault(_key(space, start.values), point)
    return list(found.values())


def _key(space: Space, values: Mapping[str, Any]) -> str:
    """Return what two equal points have in common."""
    return repr(sorted(encode(space, values).items()))
