"""What is known of a search while it runs: a row a trial, the best so far, the time left."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.training.ranking import NO_VALUE, Cost, Ranking, has_value
from tuner.record.outcomes import Outcome
from tuner.record.trial_rows import TrialRow, TrialState
from tuner.search.search import Search


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
    """All trials of a running search.

    Attributes:
        ranking: the order of epochs and trials.
        max_epochs: how long a trial trains at most.
        deadline: when the budget ends, on `clock`; None without a limit.
        earlier_s: seconds that drivers before have spent on the search.
        names: what the trials are called where all were named beforehand, by number.
        clock: seconds that only rise.
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

    def __post_init__(self) -> None:
        self.began = self.clock() - self.earlier_s

    def recall(self, row: TrialRow, *, ended: bool) -> None:
        """Take a trial of a driver before."""
        best = row.best(self.ranking)
        self.rows[row.trial] = BoardRow(
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

    def created(self, trial: str, number: int, params: Mapping[str, Any]) -> None:
        """Take a new trial."""
        self.rows[trial] = BoardRow(trial=trial, number=number, params=params)

    def started(self, trial: str) -> None:
        """Take a trial that began to run, or began anew."""
        row = self.rows[trial]
        row.state = "running"
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
        row.state, row.cause, row.ended = outcome.state, outcome.cause, self.clock()

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
        return sum(row.state == state for row in list(self.rows.values()))

    @property
    def num_ended(self) -> int:
        """How many trials have ended."""
        return sum(row.ended is not None for row in list(self.rows.values()))

    @property
    def elapsed_s(self) -> float:
        """Seconds since the search began."""
        return self.clock() - self.began

    @property
    def left_s(self) -> float | None:
        """Seconds until the budget ends, or None without a limit."""
        return None if self.deadline is None else max(0.0, self.deadline - self.clock())

    def seconds_of(self, row: BoardRow) -> float:
        """Return how long a trial has run."""
        if row.began is None:
            return row.earlier_s
        return row.earlier_s + (row.ended or self.clock()) - row.began


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
