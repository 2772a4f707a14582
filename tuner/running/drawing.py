"""Draws the points of a search, none of them twice, and all of them feasible.

A point is drawn in memory, compared with all that were drawn before, held against the search's
constraints, and only then written. So the study never holds a row whose parameters are half drawn,
and a sampler that would repeat a point, as TPE does on small spaces, is asked again. What was
drawn and must not be trained is told to the sampler and stands beside the point in the record.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, _get_single_value
from optuna.trial import FrozenTrial, TrialState, create_trial

from models.errors import UserError
from tuner.record.events import InfeasibleDraw
from tuner.running.space_optuna import draw, encode, parameters
from tuner.running.spread_samplers import GridSampler
from tuner.search.constraints import Judge
from tuner.search.search import WarmStart
from tuner.search.space import Space
from tuner.search.space_points import points

NUM_ATTEMPTS = 50
"""So often the sampler is asked for a new point; then one that is left is taken."""
NUM_OTHERS = 10_000
"""So many points are looked at for one that is left, where constraints leave out some."""
NUM_OTHERS_BY_COST = 200
"""The same where it takes milliseconds to judge one, as a constraint is of the model's cost."""
CONSTRAINTS = "constraints"
"""System attribute by which Optuna knows how far a trial is from keeping each constraint."""


class TrialSampler(Protocol):
    """What a sampler of Optuna can besides, so that its draws can be repeated."""

    def begin(self, number: int, attempt: int = 0) -> None:
        """Take the stream of this trial."""

    def learn_infeasible(self, trial: FrozenTrial) -> None:
        """Take a point that must not be trained."""

    def infer_relative_search_space(self, study: Any, trial: FrozenTrial) -> dict[str, Any]:
        """Return the parameters to draw together."""
        ...

    def sample_relative(
        self, study: Any, trial: FrozenTrial, search_space: dict[str, Any]
    ) -> dict[str, Any]:
        """Draw the parameters that are drawn together."""
        ...

    def sample_independent(
        self, study: Any, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        """Draw a parameter by itself."""
        ...


@dataclass(frozen=True, kw_only=True)
class Point:
    """A point of the space.

    Attributes:
        values: of the active keys.
        preset: what it came from, at a warm start.
        infeasible: what was drawn before it and does not keep the constraints.
    """

    values: Mapping[str, Any]
    preset: str | None = None
    infeasible: tuple[InfeasibleDraw, ...] = ()


class DrawnPoints:
    """Which points were drawn, eight bytes for each."""

    def __init__(self) -> None:
        self._keys = array("Q")  # rising

    def add(self, key: int) -> None:
        """Take a point by its key."""
        if key not in self:
            self._keys.insert(bisect_left(self._keys, key), key)

    def __contains__(self, key: int) -> bool:
        """Return whether a point was drawn."""
        place = bisect_left(self._keys, key)
        return place < len(self._keys) and self._keys[place] == key

    def __len__(self) -> int:
        """Return how many were drawn."""
        return len(self._keys)


class PointDrawer:
    """Gives every trial its point: the warm starts first, then what the sampler draws.

    Args:
        study: what the sampler learns from.
        sampler: draws; a sampler of Optuna that is a `TrialSampler`, too.
        space: where.
        warm_starts: the points of the first trials, in order.
        seed: of what is drawn where the sampler finds nothing new.
        drawn: the points of trials that were drawn before or are known, as their values.
        infeasible: what was drawn before and did not keep the constraints, in order.
        judge: says how far a point is from keeping each constraint.
    """

    def __init__(
        self,
        study: optuna.Study,
        sampler: TrialSampler,
        space: Space,
        *,
        seed: int,
        warm_starts: Sequence[WarmStart] = (),
        drawn: Iterable[Mapping[str, Any]] = (),
        infeasible: Iterable[InfeasibleDraw] = (),
        judge: Judge = lambda values: (),
    ) -> None:
        self._study = study
        self._sampler = sampler
        self._space = space
        self._seed = seed
        self._judge = judge
        self._first = first_points(space, warm_starts)
        self._drawn = DrawnPoints()
        for values in drawn:
            self._drawn.add(_key(space, values))
        for each in infeasible:
            self._tell(each)
        self._in_order = points(space)

    def draw(self, number: int) -> Point | None:
        """Return the point of the trial of this number; None where none is left.

        Raises:
            UserError: no point keeps the constraints, as far as can be seen.
        """
        told: list[InfeasibleDraw] = []
        first = self._first[number] if number < len(self._first) else None
        if first is not None and not self._is_new(first.values):
            first = None  # a result that is known
        if first is not None and self._is_feasible(first.values, told):
            point = Point(values=first.values, preset=first.preset)
        else:
            values = self._new(number, told)
            if values is None:
                self._refuse_empty(told)
                return None
            point = Point(values=values, infeasible=tuple(told))
        self._drawn.add(_key(self._space, point.values))
        return point

    def _new(self, number: int, told: list[InfeasibleDraw]) -> dict[str, Any] | None:
        trial = create_trial(state=TrialState.RUNNING)
        trial.number = number
        together = self._sampler.infer_relative_search_space(self._study, trial)
        is_grid = isinstance(self._sampler, GridSampler)
        for attempt in range(0 if is_grid else NUM_ATTEMPTS):
            try:
                values = self._sample(trial, together, attempt)
            except UserError:  # a formula gives nothing there
                continue
            if self._is_new(values) and self._is_feasible(values, told):
                return values
        stream = np.random.default_rng([self._seed, number])
        others = points(self._space, lambda num_values: int(stream.integers(num_values)))
        left = filter(self._is_new, self._in_order if is_grid else others)
        if is_grid:
            left = (each for each in left if not any(self._judge(each)))
        elif self._space.constraints:
            left = (e for e in islice(left, self._num_others) if not any(self._judge(e)))
        return next(left, None)

    @property
    def _num_others(self) -> int:
        by_cost = any(constraint.is_of_cost for constraint in self._space.constraints)
        return NUM_OTHERS_BY_COST if by_cost else NUM_OTHERS

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

    def _is_feasible(self, values: Mapping[str, Any], told: list[InfeasibleDraw]) -> bool:
        """Return whether a point keeps the constraints; if it does not, tell the sampler."""
        violations = self._judge(values)
        if not any(violations):
            return True
        draw = InfeasibleDraw(params=values, violations=violations)
        self._tell(draw)
        told.append(draw)
        return False

    def _tell(self, draw: InfeasibleDraw) -> None:
        params, distributions = parameters(self._space, draw.params)
        trial = create_trial(
            state=TrialState.COMPLETE,
            params=params,
            distributions=distributions,
            values=[0.0] * len(self._study.directions),
            system_attrs={CONSTRAINTS: list(draw.violations)},
        )
        trial.number = -1  # of no trial: it is never trained
        self._sampler.learn_infeasible(trial)

    def _refuse_empty(self, told: Sequence[InfeasibleDraw]) -> None:
        if self._drawn or not self._space.constraints:
            return
        rules = " and ".join(f"`{rule}`" for rule in self._space.rules)
        raise UserError(
            f"no point of the space was found that keeps {rules}: none of {NUM_ATTEMPTS} draws, "
            f"nor of {self._num_others:,} points besides: loosen the constraints or widen a range"
        )


def first_points(space: Space, warm_starts: Sequence[WarmStart]) -> list[Point]:
    """Return the points of the warm starts; presets that stand at one point are one trial."""
    found: dict[int, Point] = {}
    for start in warm_starts:
        point = Point(values=start.values, preset=start.name)
        found.setdefault(_key(space, start.values), point)
    return list(found.values())


def _key(space: Space, values: Mapping[str, Any]) -> int:
    """Return what two equal points have in common, eight bytes however many keys there are.

    Of 10,000 points two others share it once in 300 billion searches, and one of them is not drawn.
    """
    text = repr(sorted(encode(space, values).items()))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
