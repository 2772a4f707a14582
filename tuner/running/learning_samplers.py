"""Samplers that learn from results by other means than TPE: Gaussian process, NSGA-II, CMA-ES.

Each draws from a stream of the trial's own and from the results in the order of their ends, and
keeps nothing else, so that a search goes on in another process as it would have in its first.
Optuna's own keep their state in the study, or in memory from draw to draw.

A trial that was stopped counts with the value that it had: left out, as Optuna does, two thirds of
a search under ASHA would teach nothing. CMA-ES, which only ranks, takes it behind those that went
further. Parameters that are not active at every point are drawn at random.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna._transform import _SearchSpaceTransform
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, GPSampler
from optuna.samplers._lazy_random_state import LazyRandomState
from optuna.samplers.nsgaii import UniformCrossover
from optuna.samplers.nsgaii._child_generation_strategy import NSGAIIChildGenerationStrategy
from optuna.samplers.nsgaii._elite_population_selection_strategy import (
    NSGAIIElitePopulationSelectionStrategy,
)
from optuna.trial import FrozenTrial, TrialState

from tuner.running.ended_trials import TOLD, EndedTrials, as_complete, signs, view_of
from tuner.running.progress import Progress, as_ranked, ranked
from tuner.running.space_optuna import always_active
from tuner.running.trial_streams import SeededRandomSampler, trial_stream
from tuner.search.space import Space

NUM_KNOWN = 250
"""The Gaussian process knows so many trials, the best and the latest: its price is cubic."""
_MOST_STEPS = 1000
"""The Gaussian process draws from ranges of more steps as from ranges without steps."""
_FIRST_SIGMA = 1 / 6
"""Of CMA-ES, as a share of every range: what Optuna begins with."""


class _Learning(BaseSampler):
    """What the samplers of this file share.

    Args:
        seed: of the random numbers.
        space: the search space.
        earlier: trials of earlier runs, whose results are known.
        progress: what the trials reported, by which they are ranked.
    """

    def __init__(
        self,
        seed: int,
        space: Space,
        earlier: Sequence[FrozenTrial] = (),
        progress: Progress | None = None,
    ) -> None:
        self._seed = seed
        self._progress = progress
        self._space = space
        self._ended = EndedTrials(earlier)
        self._random = SeededRandomSampler(seed)
        self._stream = trial_stream(seed, 0)

    def begin(self, number: int, attempt: int = 0) -> None:
        """Take the stream of this trial for what is drawn from now on."""
        self._random.begin(number, attempt)
        self._stream = trial_stream(self._seed, number, attempt)

    def learn_infeasible(self, trial: FrozenTrial) -> None:
        """Take a point that must not be trained, of which nothing is learned: it is drawn anew."""

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the parameters to draw together: those that every trial has."""
        return always_active(self._space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        """Draw a parameter by itself, at random."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Any
    ) -> None:
        """Take a trial that ends; nobody asks what one reported that failed."""
        self._ended.add(trial)
        if state not in TOLD and self._progress is not None:
            self._progress.forget(trial.number)


class ProcessSampler(_Learning):
    """Draws where a Gaussian process expects the largest improvement (Optuna's `GPSampler`)."""

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Fit the process anew, since what it was before depends on who drew before."""
        sampler = GPSampler(seed=0, warn_independent_sampling=False)
        sampler._rng._rng = self._stream
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        seen = [*self._known(study), *running]
        if len(study.directions) > 1:
            seen = [as_complete(one) if one.state in TOLD else one for one in seen]
        else:
            seen = as_ranked(seen, signs(study)[0], self._progress)
        smooth = {name: _smooth(one) for name, one in search_space.items()}
        drawn = sampler.sample_relative(view_of(study, seen), trial, smooth)
        return {name: _on_grid(value, search_space[name]) for name, value in drawn.items()}

    def _known(self, study: optuna.Study) -> list[FrozenTrial]:
        known = self._ended.read(study)
        if len(known) <= NUM_KNOWN:
            return known
        ways = signs(study)
        best = ranked(known, ways[0], self._progress)[: NUM_KNOWN // 2]
        numbers = {one.number for one in [*best, *known[-(NUM_KNOWN - len(best)) :]]}
        return [one for one in known if one.number in numbers]


def _smooth(one: BaseDistribution) -> BaseDistribution:
    """Return the distribution that the Gaussian process draws from.

    Optuna lists all values of a stepped one in every draw: gigabytes for a range of millions. Among
    so many steps the next values are alike, so they are drawn without steps and rounded.
    """
    if not isinstance(one, IntDistribution | FloatDistribution) or one.step is None:
        return one
    if (one.high - one.low) / one.step < _MOST_STEPS:
        return one
    return FloatDistribution(float(one.low), float(one.high), log=one.log)


def _on_grid(value: Any, one: BaseDistribution) -> Any:
    """Return the value of a distribution that is nearest to what was drawn without steps."""
    if not isinstance(one, IntDistribution | FloatDistribution) or one.step is None:
        return value
    nearest = one.low + round((value - one.low) / one.step) * one.step
    return type(one.low)(min(max(nearest, one.low), one.high))


class GeneticSampler(_Learning):
    """NSGA-II (Deb et al. 2002): children of the best so far, by crossover and mutation.

    A generation is so many trials in the order of their ends, whoever their parents were: slots
    would wait for the last of a generation otherwise.

    Args:
        population: trials of a generation, and parents.
    """

    def __init__(
        self, seed: int, space: Space, earlier: Sequence[FrozenTrial] = (), *, population: int
    ) -> None:
        super().__init__(seed, space, earlier)
        self._population = population
        self._parents: list[FrozenTrial] = []

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return a child of the parents; of the first generation none is one."""
        parents = self._select(study)
        if not parents or not search_space:
            return {}
        rng = LazyRandomState()
        rng._rng = self._stream
        child = NSGAIIChildGenerationStrategy(
            crossover=UniformCrossover(), crossover_prob=0.9, swapping_prob=0.5, rng=rng
        )
        return child(view_of(study, parents), search_space, parents)

    def _select(self, study: optuna.Study) -> list[FrozenTrial]:
        size = self._population
        while born := self._ended.take(study, size):
            choose = NSGAIIElitePopulationSelectionStrategy(population_size=size)
            self._parents = choose(study, [*self._parents, *map(as_complete, born)])
        return self._parents


class CmaSampler(_Learning):
    """CMA-ES (Hansen 2016), which adapts a normal distribution to the best of every generation.

    A generation is so many trials in the order of their ends.
    """

    _optimizer: Any = None

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw from the distribution as the results so far have shaped it."""
        box = _SearchSpaceTransform(search_space, transform_0_1=True)
        optimizer = self._taught(study, box)
        optimizer._rng = self._stream
        return box.untransform(optimizer.ask())

    def _taught(self, study: optuna.Study, box: _SearchSpaceTransform) -> Any:
        from cmaes import CMA

        if self._optimizer is None:
            num = len(box.bounds)
            limits = np.array([[0.0, 1.0]] * num)
            self._optimizer = CMA(mean=np.full(num, 0.5), sigma=_FIRST_SIGMA, bounds=limits)
        size, sign = self._optimizer.population_size, signs(study)[0]
        while born := self._ended.take(study, size):
            born = ranked(born, sign, self._progress)
            places = [(box.transform(one.params), float(place)) for place, one in enumerate(born)]
            self._optimizer.tell(places)
            if self._progress is not None:
                for one in born:
                    self._progress.forget(one.number)
        return self._optimizer
