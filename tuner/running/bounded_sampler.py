"""TPE at a price that does not grow with the number of trials.

Optuna's sampler fits its two densities to every trial of the study, which takes 60 ms a draw at
2,000 trials and ever more. Here it sees the trials that decide: the best, from which the density of
good points is made, the latest of the others, and those that run. Of 250 trials and more Optuna
takes the best 25 for good, which are among those kept, so that density is the very same; the
density of the others is made of the latest, and TPE itself gives old trials less and less weight.

Every second draw is at random, and so are all until enough trials have ended. Trials are ranked by
what they reported where others have been, too (`progress`): one that runs is not a bad one, one
that was stopped not a worse one than it was.

What it draws depends on the seed, the trial's number and the study: trials are taken in the order
of their ends, so that a study that is read again teaches the same as the search that filled it.
"""

import math
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.samplers import TPESampler
from optuna.samplers._tpe.sampler import default_gamma
from optuna.trial import FrozenTrial, TrialState

from tuner.record.front import Costs, dominates
from tuner.running.ended_trials import TOLD, as_complete, in_order, signs, view_of
from tuner.running.progress import Progress, as_ranked, ranked
from tuner.running.trial_streams import trial_stream

NUM_FIRST = 64
"""So many trials end before TPE learns from them.

With 32, five of nine replayed searches of 160 trials never found what random points found in seven.
"""
RANDOM_SHARE = 2
"""Every second draw after that is at random, too.

What a few trials say, most of them stopped at the first rung, is what learns fast at first. Where
TPE trusted it from the tenth trial on, as Optuna's does, a quarter of the searches that were
replayed never found a good trial that random points found (tests/benchmarks/LOG.md).
"""
NUM_BEST = 50
"""Twice what TPE takes for good at most."""
NUM_LATEST = 75
"""A draw then costs the same from 300 to 5,000 trials (tests/benchmarks/LOG.md)."""

_NEWEST = 10**9


class BoundedTPESampler(TPESampler):
    """Draws from the best, the latest and the running trials of a study with a single writer.

    Args:
        seed: of its random numbers.
        num_best: how many of the best trials it keeps; more than the 25 that TPE takes for good.
        num_latest: how many of the others it keeps.
        earlier: trials of earlier runs, whose results are known.
        progress: what the trials reported, by which they are ranked.
    """

    def __init__(
        self,
        seed: int,
        num_best: int = NUM_BEST,
        num_latest: int = NUM_LATEST,
        earlier: Sequence[FrozenTrial] = (),
        progress: Progress | None = None,
    ) -> None:
        # Conditional parameters are modelled jointly within their group.
        super().__init__(multivariate=True, group=True, seed=seed, n_startup_trials=NUM_FIRST)
        self._seed = seed
        self._earlier = list(earlier)
        self._progress = progress
        self._gamma = self._num_good  # of all trials, not of those that are seen
        self._num_best = num_best
        self._num_latest = num_latest
        self._is_random = False
        self._num_ended: int | None = None  # None until the study was read
        self._kept: list[FrozenTrial] = []
        self._infeasible: list[FrozenTrial] = []
        self._running: dict[int, FrozenTrial | None] = {}  # by storage id; None: to be read
        self._ended: list[int] = []  # storage ids of trials that ended since the last draw

    def learn_infeasible(self, trial: FrozenTrial) -> None:
        """Take a point that must not be trained: the density of good points keeps away from it."""
        trial.number = _NEWEST  # TPE gives what is old little weight
        self._infeasible = [*self._infeasible, trial][-self._num_latest :]

    def begin(self, number: int, attempt: int = 0) -> None:
        """Take the stream of this trial for what is drawn from now on."""
        self._is_random = not attempt and number % RANDOM_SHARE == RANDOM_SHARE - 1
        self._rng._rng = self._random_sampler._rng._rng = trial_stream(self._seed, number, attempt)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, Any]:
        """Return the parameters to draw together: the first that is asked of every trial."""
        learned = self._learn(study, trial)
        # The sampler adds what is new to the groups of parameters that it knows.
        view = view_of(study, learned)
        return super().infer_relative_search_space(view, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, Any]
    ) -> dict[str, Any]:
        """Draw the parameters that are drawn together."""
        if self._is_random:
            return {}
        return super().sample_relative(self._view(study), trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        """Draw a parameter by itself."""
        if self._is_random:
            random = self._random_sampler
            return random.sample_independent(study, trial, param_name, param_distribution)
        return super().sample_independent(self._view(study), trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Take a trial that begins."""
        super().before_trial(study, trial)
        self._running[trial._trial_id] = None

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Any
    ) -> None:
        """Take a trial that ends; nobody asks what one reported that failed."""
        super().after_trial(study, trial, state, values)
        if state not in TOLD and self._progress is not None:
            self._progress.forget(trial.number)
        self._running.pop(trial._trial_id, None)
        self._ended.append(trial._trial_id)

    def _num_good(self, num_seen: int) -> int:
        return default_gamma(self._num_ended or num_seen)

    def _view(self, study: optuna.Study) -> optuna.Study:
        running = [known for known in self._running.values() if known is not None]
        seen = [*self._kept, *running]
        if len(study.directions) == 1:
            seen = as_ranked(seen, signs(study)[0], self._progress)
        return view_of(study, [*self._infeasible, *seen])

    def _learn(self, study: optuna.Study, trial: FrozenTrial) -> list[FrozenTrial]:
        """Read what is new in the study, and return the trials that ended."""
        if self._num_ended is None:
            known = study.get_trials(deepcopy=False)
            for one in known:
                if one.state is TrialState.RUNNING:
                    self._running.setdefault(one._trial_id, one)
            read = [*self._earlier, *in_order(known)]
        else:
            read = [study._storage.get_trial(number) for number in self._ended]
        ended = [one for one in read if one.state in TOLD]
        if len(study.directions) > 1:  # TPE looks at complete trials only there
            ended = [as_complete(one) for one in ended if one.values is not None]
        self._ended.clear()
        self._num_ended = (self._num_ended or 0) + len(ended)
        for one in ended:
            self._keep(study, one)
        for number, known in self._running.items():
            # The trial that is drawn now has no parameters yet, which TPE could not place.
            if known is None and number != trial._trial_id:
                self._running[number] = study._storage.get_trial(number)
        return ended

    def _keep(self, study: optuna.Study, ended: FrozenTrial) -> None:
        known = sorted([*self._kept, ended], key=lambda one: one.number)
        if len(known) <= self._num_best + self._num_latest:
            self._kept = known
            return
        best = {one.number for one in self._best(study, known)[: self._num_best]}
        others = [one.number for one in known if one.number not in best][-self._num_latest :]
        numbers = best | set(others)
        self._kept = [one for one in known if one.number in numbers]
        for one in known:
            if one.number not in numbers and self._progress is not None:
                self._progress.forget(one.number)

    def _best(self, study: optuna.Study, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Return the trials, the best first; of several objectives the front."""
        ways = signs(study)
        if len(ways) == 1:
            return ranked(trials, ways[0], self._progress)
        costs = {t.number: _costs(t, ways) for t in trials if t.state is TrialState.COMPLETE}
        beaten = {n: sum(dominates(other, mine) for other in costs.values())
                  for n, mine in costs.items()}  # fmt: skip
        return sorted(trials, key=lambda one: (beaten.get(one.number, math.inf), -one.number))


def _costs(trial: FrozenTrial, ways: list[float]) -> Costs:
    return tuple(sign * value for sign, value in zip(ways, trial.values, strict=True))
