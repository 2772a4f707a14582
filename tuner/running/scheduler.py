"""The scheduler of a search: ASHA stops trials that fall behind at a rung, FIFO stops none.

Both give a worker that is free to the trial that came last. Ray's own schedulers give it to the
first, whose own worker may be starting at that moment: Ray then kills that one, and with short
trials the slots never fill.

Both can be told what a driver before has seen, by `replay`: the rungs are then as it left them.
"""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler

from models.training.ranking import NO_VALUE, Cost, Ranking
from tuner.record.events import TrialReported
from tuner.record.outcomes import EPOCH
from tuner.running.record_ids import RecordIds
from tuner.search.search import Search


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

    def replay(self, reports: Iterable[TrialReported]) -> set[str]:
        """Take earlier reports; return the trials to be stopped, which are none."""
        return set()


class Asha(_LatestFirst, AsyncHyperBandScheduler):
    """ASHA that compares the best values so far, which are the scores of trials everywhere.

    By the value of the very epoch at a rung, a trial would be stopped for one bad epoch though it
    leads the leaderboard, and one that goes on could stand below one that was stopped. A trial
    that got worse for good is no danger: it can only reach the next rung with the score that it
    has, and has to beat the others' there.

    Args:
        ranking: the order of epochs and trials.
        ids: the record's ids, by which trials stand at the rungs.
        settings: of Ray's scheduler.
    """

    def __init__(self, ranking: Ranking, ids: RecordIds, **settings: Any) -> None:
        super().__init__(metric=ranking.metric, mode=ranking.mode, **settings)
        self._ranking = ranking
        self._ids = ids
        self._best: dict[str, tuple[Cost, float]] = {}

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Compare a trial at a rung."""
        known = self._known(trial)
        return super().on_trial_result(tune_controller, known, self._with_best(known, result))

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Take the last result of a trial that ended by itself."""
        known = self._known(trial)
        super().on_trial_complete(tune_controller, known, self._with_best(known, result))
        self._best.pop(known.trial_id, None)

    def replay(self, reports: Iterable[TrialReported]) -> set[str]:
        """Take the reports of an earlier driver; return the trials whose last one stops them."""
        actions: dict[str, str] = {}
        for report in reports:
            metric = self._ranking.metric
            result = {EPOCH: report.epoch, metric: report.metrics[metric]}
            trial = SimpleNamespace(trial_id=report.trial)
            actions[report.trial] = self.on_trial_result(None, trial, result)
        return {trial for trial, action in actions.items() if action == TrialScheduler.STOP}

    def _known(self, trial: Any) -> Any:
        """Return what stands for a trial at the rungs, by its id in the record."""
        name = self._ids.of(trial.trial_id)
        # Ray enters a trial when it is made, which is before anybody knows which one it will be.
        self._trial_info[name] = self._brackets[0]
        return SimpleNamespace(trial_id=name)

    def _with_best(self, trial: Any, result: dict[str, Any]) -> dict[str, Any]:
        """Return a copy of a result with the best value so far; one without an epoch as it is."""
        if EPOCH not in result:
            return result
        metric = self._ranking.metric
        own = self._ranking.cost(result, result[EPOCH]), result[metric]
        best = min(self._best.get(trial.trial_id, (NO_VALUE, result[metric])), own)
        self._best[trial.trial_id] = best
        return {**result, metric: best[1]}


def build_scheduler(search: Search, ids: RecordIds) -> Asha | Fifo:
    """Build the scheduler of a search."""
    if search.scheduler.name == "fifo":
        return build_fifo()
    return build_asha(
        search.ranking,
        max_epochs=search.scheduler.max_epochs,
        grace_epochs=search.scheduler.grace_epochs,
        reduction_factor=search.scheduler.reduction_factor,
        ids=ids,
    )


def build_asha(
    ranking: Ranking,
    *,
    max_epochs: int,
    grace_epochs: int,
    reduction_factor: float,
    ids: RecordIds | None = None,
) -> Asha:
    """Build ASHA (Li et al. 2020, the stopping variant) over epochs, with a single bracket."""
    return Asha(
        ranking,
        ids or RecordIds(),
        time_attr=EPOCH,
        max_t=max_epochs,
        grace_period=grace_epochs,
        reduction_factor=reduction_factor,
    )


def build_fifo() -> Fifo:
    """Build the scheduler that lets every trial run to its end."""
    return Fifo()
