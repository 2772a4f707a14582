"""What a search has spent of its budget, and which part of it ends the search.

Counted are trials without an improvement, a target, and hours of GPUs; the hours of the clock are
`SearchStop`'s. What a driver before has spent is read from the record, so that a search that is
cut off ends where it would have ended.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from models.wording import count
from tuner.record.events import TrialEnded, TrialReported
from tuner.record.outcomes import Cause, Outcome
from tuner.record.past import Past
from tuner.running.observer import Observer
from tuner.running.stopping import SearchStop
from tuner.search.search import Search

_HOUR_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class Spent:
    """A part of a budget that is spent.

    Attributes:
        words: what ends the search.
        more: the flag of `tuner resume` that gives more of it.
    """

    words: str
    more: str


class Budgets(Observer):
    """Ends a search once a part of its budget is spent.

    Args:
        search: whose budget.
        stop: where the end is asked for.
        past: what drivers before have spent.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        search: Search,
        stop: SearchStop,
        past: Past,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget = search.budget
        self._gpu = search.resources.gpu
        self._objectives = search.objectives
        self._stop = stop
        self._clock = clock
        self._front: list[tuple[float, ...]] = []
        self._improvers: set[str] = set()
        self._num_in_vain = 0
        self._reached: float | None = None
        self._gpu_s = self._gpu * sum(row.duration_s for row in past.rows)
        self._since: dict[str, float] = {}
        for event in past.events:
            if isinstance(event, TrialReported):
                self._take(event.trial, event.metrics)
            elif isinstance(event, TrialEnded):
                self._count(event.trial, event.state, event.cause)

    def started(self, trial: str) -> None:
        """Take a trial that begins to run, or that lost its worker and runs again."""
        self._pause(trial)
        self._since[trial] = self._clock()

    def reported(
        self, trial: str, epoch: int, metrics: Mapping[str, float], checkpoint: str | None
    ) -> None:
        """Take an epoch."""
        self._take(trial, metrics)
        self._check()

    def ended(self, trial: str, outcome: Outcome) -> None:
        """Take the end of a trial."""
        self._pause(trial)
        self._count(trial, outcome.state, outcome.cause)
        self._check()

    def tick(self) -> None:
        """Look at the clock."""
        self._check()

    @property
    def spent(self) -> Spent | None:
        """The part of the budget that is spent; None while there is some of each."""
        budget, first = self._budget, self._objectives[0]
        if self._reached is not None:
            words = f"its target is reached: {first.metric} {self._reached:g}"
            return Spent(words=words, more="--target VALUE")
        if budget.no_improvement is not None and self._num_in_vain >= budget.no_improvement:
            what = "the Pareto front" if len(self._objectives) > 1 else first.metric
            words = f"{count(self._num_in_vain, 'trial')} ended without an improvement of {what}"
            return Spent(words=words, more=f"--no_improvement {2 * self._num_in_vain}")
        if budget.gpu_hours is not None and self._gpu_hours >= budget.gpu_hours:
            words = f"the budget of {budget.gpu_hours:g} GPU-hours is spent"
            return Spent(words=words, more=f"--gpu_hours {2 * self._gpu_hours:.3g}")
        return None

    @property
    def _gpu_hours(self) -> float:
        now = self._clock()
        running = sum(now - since for since in self._since.values())
        return (self._gpu_s + self._gpu * running) / _HOUR_S

    def _check(self) -> None:
        if spent := self.spent:
            self._stop.spend(spent.words)

    def _pause(self, trial: str) -> None:
        if trial in self._since:
            self._gpu_s += self._gpu * (self._clock() - self._since.pop(trial))

    def _count(self, trial: str, state: str, cause: str | None) -> None:
        """Count a trial that improved nothing; one that was cut off may go on."""
        cut_off = state == "interrupted" or cause == Cause.BUDGET
        self._num_in_vain += not cut_off and trial not in self._improvers

    def _take(self, trial: str, metrics: Mapping[str, float]) -> None:
        values = [metrics.get(objective.metric, math.nan) for objective in self._objectives]
        if not all(map(math.isfinite, values)):
            return
        signs = [-1.0 if objective.mode == "max" else 1.0 for objective in self._objectives]
        cost = tuple(sign * value for sign, value in zip(signs, values, strict=True))
        target = self._budget.target
        if target is not None and self._reached is None and cost[0] <= signs[0] * target:
            self._reached = values[0]
        if any(all(a <= b for a, b in zip(one, cost, strict=True)) for one in self._front):
            return
        beaten = [all(b <= a for a, b in zip(one, cost, strict=True)) for one in self._front]
        self._front = [one for one, gone in zip(self._front, beaten, strict=True) if not gone]
        self._front.append(cost)
        self._improvers.add(trial)
        self._num_in_vain = 0
