"""Which trials somebody wants promoted, in what order they come, and by which objective."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.errors import UserError
from models.training.ranking import has_value
from models.wording import count
from tuner.record.results import Run, pareto_front
from tuner.record.trial_rows import TrialRow
from tuner.search.objectives import read_objectives
from tuner.search.search import Search

_PROMOTABLE = ("done", "stopped", "interrupted")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked for.

    Attributes:
        top: so many of the best trials.
        trials: these instead, by number.
    """

    top: int = 1
    trials: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.top < 1:
            raise UserError(f"--top is {self.top}: promote at least 1 trial")
        if len(set(self.trials)) < len(self.trials):
            raise UserError("--trial names a trial twice: give each number once")

    @property
    def count(self) -> int:
        """How many trials."""
        return len(self.trials) or self.top


def aimed_at(search: Search, objective: str | None) -> Search:
    """Return the search with another metric as its only objective; None leaves it as it is.

    Raises:
        UserError: the model has no such metric, or it means another thing in every trial.
    """
    if objective is None:
        return search
    raw = {"objective": {"metric": objective}, "space": search.space.to_mapping()}
    return replace(search, objectives=read_objectives(raw, search.spec))


def wanted_rows(run: Run, search: Search, request: Request) -> Sequence[TrialRow]:
    """Return the trials that may be promoted, the best first; or those asked for, as they stand.

    Of several objectives these are the trials of the Pareto front, ranked by the first one.

    Raises:
        UserError: a trial that is asked for is not there, failed, or has no value.
    """
    ranking = search.ranking
    if request.trials:
        return [_row(run, search, number) for number in request.trials]
    rows = run.rows
    if len(search.objectives) > 1:
        rows = [row for row, _ in pareto_front(run, search.objectives, ranking)]
    # A preset has one value a key: a trial that went on from another one was trained with several.
    rows = [row for row in rows if row.state in _PROMOTABLE and row.parent is None]
    ready = [row for row in rows if has_value(row.cost(ranking))]
    return sorted(ready, key=lambda row: (row.cost(ranking), row.number))


def _row(run: Run, search: Search, number: int) -> TrialRow:
    row = next((row for row in run.rows if row.number == number), None)
    if row is None:
        raise UserError(
            f"--trial {number}: the run '{run.name}' has {count(len(run.rows), 'trial')}, and none "
            f"is {number}: see `tuner show {run.handle}`"
        )
    if row.state not in _PROMOTABLE:
        raise UserError(f"--trial {number}: it is {row.state}, and such a trial is never promoted")
    if row.parent is not None:
        raise UserError(
            f"--trial {number}: it went on from another trial with other settings, and a preset "
            f"has one value a key: see `tuner show {run.handle} --trial {number}`"
        )
    if not has_value(row.cost(search.ranking)):
        raise UserError(f"--trial {number}: it has no value of {search.ranking.metric}")
    return row
