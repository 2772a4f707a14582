"""The scheduler of a search as Ray Tune asks it: which trials are stopped, and which one is next.

It gives a worker that is free to the trial that came last. Ray's own schedulers give it to the
first, whose own worker may be starting at that moment: Ray then kills that one, and with short
trials the slots never fill.

What stops trials is a rule (`stopping_rules`), or nothing. A scheduler can be told what a driver
before has seen, by `replay`: the rule then stands where it left it.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from models.training.ranking import NO_VALUE, Cost, Ranking
from tuner.record.events import Event, TrialEnded, TrialReported
from tuner.record.outcomes import EPOCH, METRICS, Cause
from tuner.running.population import Population, Takeover
from tuner.running.record_ids import RecordIds
from tuner.running.stopping_rules import Halving, Hyperband, Median, Rule
from tuner.search.blocks import SchedulerConfig
from tuner.search.search import Search


class Scheduler(FIFOScheduler):
    """Stops the trials that a rule finds behind, by their best values so far.

    By the value of the very epoch at a rung, a trial would be stopped for one bad epoch though it
    leads the leaderboard, and one that goes on could stand below one that was stopped. A trial
    that got worse for good is no danger: it can only reach the next rung with the score that it
    has, and has to beat the others' there.

    Args:
        ranking: the order of epochs and trials at a rung.
        rule: says which trials are stopped; None stops none.
        ids: the record's ids, by which the rule knows trials.
        population: how many trials begin anew, under a rule by which others go on from them.
    """

    def __init__(
        self,
        ranking: Ranking,
        rule: Rule | None,
        ids: RecordIds | None = None,
        population: int = 0,
    ) -> None:
        super().__init__()
        self._population = population
        self._ranking = ranking
        self._rule = rule
        self._ids = ids or RecordIds()
        self._best: dict[str, Cost] = {}

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Return the trial for the next free worker; Ray asks at every step."""
        for trial in reversed(tune_controller.get_trials()):
            if trial.status == Trial.PENDING and trial.temporary_state.ray_actor is None:
                return trial
        return None

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Compare a trial; a result without an epoch is the last word of one that failed."""
        if EPOCH not in result:
            return TrialScheduler.CONTINUE
        metrics = {**json.loads(result.get(METRICS, "{}")), **result}
        behind = self._falls_behind(self._ids.of(trial.trial_id), result[EPOCH], metrics)
        return TrialScheduler.STOP if behind else TrialScheduler.CONTINUE

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Take the last result of a trial that ended by itself."""
        self.on_trial_result(tune_controller, trial, result)
        self.forget(self._ids.of(trial.trial_id))

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Take the end of a trial whose worker was lost."""
        self.forget(self._ids.of(trial.trial_id))

    def forget(self, trial: str) -> None:
        """Take the end of a trial."""
        self._best.pop(trial, None)
        if isinstance(self._rule, Population):
            self._rule.end(trial)

    def inherit(self, trial: str, epoch: int, metrics: Mapping[str, Any]) -> None:
        """Take an epoch that another trial trained, from which this one goes on."""
        self._best[trial] = self._ranking.cost(metrics, epoch)

    def takeover(self, number: int) -> Takeover | None:
        """Return what the trial of this number is to take over; None for one of its own."""
        if number < self._population:
            return None
        return next(iter(self.takeovers_from(number)), None)

    def takeovers_from(self, number: int) -> list[Takeover]:
        """Return what trials of this number and later ones are to take over."""
        if not isinstance(self._rule, Population):
            return []
        return self._rule.takeovers[max(0, number - self._population) :]

    def num_trials(self, at_most: int) -> int:
        """Return how many trials there are to be, so far as it is known."""
        if not isinstance(self._rule, Population):
            return at_most
        return min(at_most, self._population + len(self._rule.takeovers))

    def replay(self, events: Iterable[Event]) -> set[str]:
        """Take the events of earlier drivers; return the trials whose last report stops them.

        Ends count as well as reports: a trial that failed has no report that says so, and from
        then on no other goes on from it.
        """
        behind: dict[str, bool] = {}
        for event in events:
            if isinstance(event, TrialEnded):
                self._replay_end(event)
            elif isinstance(event, TrialReported) and event.inherited_from is not None:
                self.inherit(event.trial, event.epoch, event.metrics)
            elif isinstance(event, TrialReported):
                behind[event.trial] = self._falls_behind(event.trial, event.epoch, event.metrics)
                if event.finished is not None:
                    self.forget(event.trial)
        return {trial for trial, is_behind in behind.items() if is_behind}

    def _replay_end(self, event: TrialEnded) -> None:
        """Take an end; a trial keeps its best value, since one that failed may go on, too."""
        if not isinstance(self._rule, Population):
            return
        if event.state == "interrupted" or event.cause == Cause.BUDGET:
            self._rule.go_on(event.trial)
        else:
            self._rule.end(event.trial)

    def _falls_behind(self, trial: str, epoch: int, metrics: Mapping[str, Any]) -> bool:
        if self._rule is None:
            return False
        cost = self._ranking.cost(metrics, epoch)
        best = self._best[trial] = min(self._best.get(trial, NO_VALUE), cost)
        return self._rule.falls_behind(trial, epoch, best)


def build_scheduler(search: Search, ids: RecordIds) -> Scheduler:
    """Build the scheduler of a search."""
    rule = build_rule(search.scheduler, search.num_trials)
    return Scheduler(search.rung_ranking, rule, ids, search.scheduler.population)


def build_rule(scheduler: SchedulerConfig, num_trials: int) -> Rule | None:
    """Build the rule that stops trials, of so many at most; None where none is ever stopped."""
    rungs, factor = scheduler.rungs, scheduler.reduction_factor
    match scheduler.name:
        case "asha":
            return Halving(rungs, factor)
        case "hyperband":
            return Hyperband(scheduler.brackets, factor)
        case "pbt":
            return Population(rungs, num_trials - scheduler.population)
        case "median":
            return Median(scheduler.grace)
        case _:
            return None
