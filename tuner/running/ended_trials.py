"""The trials that a sampler learns from, in the order of their ends.

A study that is written again from the record has the trials by number. The order of their ends is
that of the search that filled it, so that a sampler which folds them one by one, as CMA-ES and
NSGA-II do, comes to the same state in every process.
"""

import copy
from collections.abc import Container, Iterable, Sequence
from typing import Any, cast

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

TOLD = (TrialState.COMPLETE, TrialState.PRUNED)


class EndedTrials:
    """Reads from a study with a single writer what ended since it was read last.

    Args:
        earlier: trials of earlier runs, whose results are known; they come first.
    """

    def __init__(self, earlier: Sequence[FrozenTrial] = ()) -> None:
        self._earlier = list(earlier)
        self._known: list[FrozenTrial] | None = None
        self._new: list[int] = []

    def add(self, trial: FrozenTrial) -> None:
        """Take a trial that ends; its values are read later."""
        self._new.append(trial._trial_id)

    def read(self, study: optuna.Study) -> list[FrozenTrial]:
        """Return all trials with values that were not taken, in the order of their ends."""
        if self._known is None:
            self._known = _with_values(
                [*self._earlier, *in_order(study.get_trials(deepcopy=False))]
            )
            self._earlier = []
        else:
            self._known += _with_values(study._storage.get_trial(one) for one in self._new)
        self._new.clear()
        return self._known

    def take(self, study: optuna.Study, size: int) -> list[FrozenTrial]:
        """Return the first so many that were not taken, which are kept no longer, or none yet."""
        known = self.read(study)
        if len(known) < size:
            return []
        self._known = known[size:]
        return known[:size]


class StudyView:
    """A study of which a sampler sees some trials only, and writes nothing."""

    def __init__(self, study: optuna.Study, trials: list[FrozenTrial]) -> None:
        self._study = study
        self._trials = trials
        self._storage = _Nowhere()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
        use_cache: bool = False,
    ) -> list[FrozenTrial]:
        return [one for one in self._trials if states is None or one.state in states]


class _Nowhere:
    """A storage that keeps nothing: samplers tell other processes in it what they draw."""

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Keep nothing."""


def view_of(study: optuna.Study, trials: list[FrozenTrial]) -> optuna.Study:
    """Return the study as a sampler sees it that is to know these trials."""
    return cast("optuna.Study", StudyView(study, trials))


def _with_values(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    return [one for one in trials if one.state in TOLD and one.values is not None]


def in_order(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that have ended, in the order of their ends."""
    ended = [one for one in trials if one.datetime_complete is not None]
    return sorted(ended, key=lambda one: (one.datetime_complete, one.number))


def as_complete(trial: FrozenTrial) -> FrozenTrial:
    """Return a trial that was stopped as one that is complete, with the values it had."""
    if trial.state is TrialState.COMPLETE:
        return trial
    whole = copy.copy(trial)
    whole.state = TrialState.COMPLETE
    return whole


def signs(study: optuna.Study) -> list[float]:
    """Return what turns values into costs, of which less is better."""
    return [-1.0 if way is StudyDirection.MAXIMIZE else 1.0 for way in study.directions]
