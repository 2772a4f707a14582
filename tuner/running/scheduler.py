"""The scheduler of a search: ASHA stops trials that fall behind at a rung, FIFO stops none.

Both give a worker that is free to the trial that came last. Ray's own schedulers give it to the
first, whose own worker may be starting at that moment: Ray then kills that one, and with short
trials the slots never fill.
"""

from typing import Any

import numpy as np
from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler

from models.training.ranking import NO_VALUE, Cost, Ranking
from tuner.record.outcomes import EPOCH


class _LatestFirst:
    """Chooses the latest of the trials that wait, whose worker cannot be starting yet."""

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Return the trial for the next free worker; Ray asks at every step."""
        for trial in reversed(tune_controller.get_trials()):
            if trial.status == Trial.PENDING and trial.temporary_state.ray_actor is None:
                return trial
        return None


class Fifo(_LatestFirst, FIFOScheduler):
    """Lets every trial run to its end."""


class Asha(_LatestFirst, AsyncHyperBandScheduler):
    """ASHA that compares the best values so far, which are the scores of trials everywhere.

    By the value of the very epoch at a rung, a trial would be stopped for one bad epoch though it
    leads the leaderboard, and one that goes on could stand below one that was stopped. A trial
    that got worse for good is no danger: it can only reach the next rung with the score that it
    has, and has to beat the others' there.
    """

    def __init__(self, ranking: Ranking, **settings: Any) -> None:
        super().__init__(metric=ranking.metric, mode=ranking.mode, **settings)
        self._ranking = ranking
        self._best: dict[str, tuple[Cost, float]] = {}

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Compare a trial at a rung."""
        return super().on_trial_result(tune_controller, trial, self._with_best(trial, result))

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Take the last result of a trial that ended by itself."""
        super().on_trial_complete(tune_controller, trial, self._with_best(trial, result))
        self._best.pop(trial.trial_id, None)

    def _with_best(self, trial: Any, result: dict[str, Any]) -> dict[str, Any]:
        """Return a copy of a result with the best value so far; one without an epoch as it is."""
        if EPOCH not in result:
            return result
        metric = self._ranking.metric
        own = self._ranking.cost(result, result[EPOCH]), result[metric]
        best = min(self._best.get(trial.trial_id, (NO_VALUE, result[metric])), own)
        self._best[trial.trial_id] = best
        return {**result, metric: best[1]}


def build_asha(
    ranking: Ranking,
    *,
    max_epochs: int,
    grace_epochs: int,
    reduction_factor: float,
    seed: int,
) -> TrialScheduler:
    """Build ASHA (Li et al. 2020, the stopping variant) over epochs, with a single bracket."""
    # Ray draws each trial's bracket from numpy's global generator.
    np.random.seed(seed)
    return Asha(
        ranking,
        time_attr=EPOCH,
        max_t=max_epochs,
        grace_period=grace_epochs,
        reduction_factor=reduction_factor,
    )


def build_fifo() -> TrialScheduler:
    """Build the scheduler that lets every trial run to its end."""
    return Fifo()
