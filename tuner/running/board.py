"""What is known of a search while it runs: rows of trials, the best so far, the time left."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.training.ranking import NO_VALUE, Cost, Ranking, has_value
from tuner.record.outcomes import Cause, Outcome
from tuner.record.trial_rows import TrialRow, TrialState
from tuner.search.search import Search

NUM_SHOWN = 16
"""So many rows fit on a screen: the best and the latest trials beyond them are only counted."""
_MOST_SETTLED = 4 * NUM_SHOWN


@dataclass(kw_only=True)
class BoardRow:
    """A trial as it stands now.

    Attributes:
        value: the objective at `epoch`, the last one.
        best: its score, the best value so far, reached at `best_epoch`.
        cost: what sorts trials, the best one first.
        earlier_s: seconds that it ran under a driver before.
    """

    trial: str
    number: int
    params: Mapping[str, Any]
    state: TrialState = "queued"
    cause: str | None = None
    epoch: int = 0
    value: float | None = None
    best: float | None = None
    best_epoch: int | None = None
    cost: Cost = NO_VALUE
    began: float | None = None
    ended: float | None = None
    earlier_s: float = 0.0


@dataclass(kw_only=True)
class Board:
    """The trials of a running search.

    Those that came to their end are counted, and only the best and the latest of them have a row,
    so that a search of ten thousand takes no more memory than one of a hundred. One that failed or
    was cut off may go on, and keeps its row.

    Attributes:
        ranking: the order of epochs and trials.
        max_epochs: how long a trial trains at most.
        deadline: when the budget ends, on `clock`; None without a limit.
        earlier_s: seconds that drivers before have spent on the search.
        names: what the trials are called where all were named beforehand, by number.
        clock: seconds that only rise.
        rows: of the trials that may change, and of the best and the latest others, by their ids.
    """

    run: str
    ranking: Ranking
    num_trials: int
    max_epochs: int
    deadline: float | None = None
    earlier_s: float = 0.0
    names: Sequence[str] = ()
    clock: Callable[[], float] = time.monotonic
    began: float = field(default=0.0, init=False)
    rows: dict[str, BoardRow] = field(default_factory=dict, init=False)
    _counts: Counter[str] = field(default_factory=Counter, init=False)
    _num_ended: int = field(default=0, init=False)
    _num_settled: int = field(default=0, init=False)  # rows of those that came to their end
    _gone_s: float = field(default=0.0, init=False)  # that trials without a row have run

    def __post_init__(self) -> None:
        self.began = self.clock() - self.earlier_s

    def recall(self, row: TrialRow, *, ended: bool) -> None:
        """Take a trial of a driver before."""
        best = row.best(self.ranking)
        known = BoardRow(
            trial=row.trial,
            number=row.number,
            params=row.params,
            state=row.state if ended else "queued",
            cause=row.cause if ended else None,
            epoch=row.num_epochs,
            value=row.last_metrics.get(self.metric),
            best=best.metrics[self.metric] if best else None,
            best_epoch=best.epoch if best else None,
            cost=row.cost(self.ranking),
            ended=self.clock() if ended else None,
            earlier_s=row.duration_s,
        )
        self._add(known)
        if ended:
            self._num_ended += 1
            self._settle(known)

    def created(self, trial: str, number: int, params: Mapping[str, Any]) -> None:
        """Take a new trial."""
        self._add(BoardRow(trial=trial, number=number, params=params))

    def started(self, trial: str) -> None:
        """Take a trial that began to run, or began anew."""
        row = self.rows[trial]
        self._put(row, "running")
        row.began = row.began or self.clock()

    def reported(self, trial: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take the metrics of an epoch."""
        row = self.rows[trial]
        row.epoch, row.value = epoch, metrics.get(self.metric)
        cost = self.ranking.cost(metrics, epoch)
        if has_value(cost) and cost < row.cost:
            row.best, row.best_epoch, row.cost = row.value, epoch, cost

    def ended(self, trial: str, outcome: Outcome) -> None:
        """Take the end of a trial."""
        row = self.rows[trial]
        self._put(row, outcome.state)
        self._num_ended += row.ended is None
        row.cause, row.ended = outcome.cause, self.clock()
        self._settle(row)

    @property
    def best(self) -> BoardRow | None:
        """The trial with the best value so far, or None without any."""
        return next(iter(self.ranked(self.rows.values())), None)

    def ranked(self, rows: Iterable[BoardRow]) -> list[BoardRow]:
        """Return those of the rows that have a value, the best one first, equals by number."""
        valued = [row for row in list(rows) if has_value(row.cost)]
        return sorted(valued, key=lambda row: (row.cost, row.number))

    @property
    def metric(self) -> str:
        """The metric that ranks the trials."""
        return self.ranking.metric

    def num_in_state(self, state: str) -> int:
        """Return how many trials are in the state."""
        return self._counts[state]

    @property
    def num_known(self) -> int:
        """How many trials were created."""
        return self._counts.total()

    @property
    def num_ended(self) -> int:
        """How many trials have ended."""
        return self._num_ended

    @property
    def elapsed_s(self) -> float:
        """Seconds since the search began."""
        return self.clock() - self.began

    @property
    def left_s(self) -> float | None:
        """Seconds until the budget ends, or None without a limit."""
        return None if self.deadline is None else max(0.0, self.deadline - self.clock())

    @property
    def trained_s(self) -> float:
        """Seconds that all trials have run, together."""
        return self._gone_s + sum(self.seconds_of(row) for row in list(self.rows.values()))

    def seconds_of(self, row: BoardRow) -> float:
        """Return how long a trial has run."""
        if row.began is None:
            return row.earlier_s
        return row.earlier_s + (row.ended or self.clock()) - row.began

    def _add(self, row: BoardRow) -> None:
        self.rows[row.trial] = row
        self._counts[row.state] += 1

    def _put(self, row: BoardRow, state: TrialState) -> None:
        self._counts[row.state] -= 1
        self._counts[state] += 1
        row.state = state

    def _settle(self, row: BoardRow) -> None:
        """Take a trial that ended, and drop rows once there are several screens of them."""
        self._num_settled += _is_settled(row)
        if self._num_settled <= _MOST_SETTLED:
            return
        settled = [one for one in self.rows.values() if _is_settled(one)]
        latest = sorted(settled, key=lambda one: one.ended or 0.0)[-NUM_SHOWN:]
        kept = {one.trial for one in [row, *latest, *self.ranked(settled)[:NUM_SHOWN]]}
        for one in settled:
            if one.trial not in kept:
                del self.rows[one.trial]
                self._gone_s += self.seconds_of(one)
        self._num_settled = len(kept & {one.trial for one in settled})


def _is_settled(row: BoardRow) -> bool:
    """Return whether a trial came to an end that no driver takes back."""
    return row.state == "done" or (row.state == "stopped" and row.cause != Cause.BUDGET)


def board_of(search: Search, run: str, deadline: float | None, earlier_s: float) -> Board:
    """Return an empty board of a search."""
    return Board(
        run=run,
        ranking=search.ranking,
        num_trials=search.num_trials,
        max_epochs=search.scheduler.max_epochs,
        deadline=deadline,
        earlier_s=earlier_s,
        names=search.trial_names,
    )
