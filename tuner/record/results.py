"""The outcome of a run, read from its event log: one row a trial, and the leaderboard.

Imports neither torch nor Ray nor Optuna: a result is looked at wherever the run folder is.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from models.errors import UserError
from models.training.ranking import Ranking
from models.wording import count
from tuner.record.events import Event, RunChanged, read_events
from tuner.record.front import dominates, objective_costs
from tuner.record.liveness import is_alive, latest_driver
from tuner.record.past import Past
from tuner.record.paths import RunPaths
from tuner.record.trial_checkpoints import CHECKPOINT_FILE
from tuner.record.trial_rows import EpochPoint, TrialRow, TrialState, fold_trials
from tuner.search.blocks import Objective

Status = Literal["created", "running", "finished", "interrupted", "failed", "died"]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A trial's place in the leaderboard.

    Attributes:
        value: its score, the best value so far; NaN without one.
        epoch: the epoch of that value; None without one.
        last: the value of its last epoch; NaN without one.
    """

    rank: int
    row: TrialRow
    value: float
    epoch: int | None
    last: float


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as its folder tells it.

    Attributes:
        status: `created` before the first event, `died` when the driver is gone without a word.
        message: what the driver said of the status.
        rows: the trials by number.
        began, ended: seconds since 1970; `ended` is the last event of a run that is not running.
        spent_s: how long it ran, pauses between its drivers left out.
        environment: the content of `environment.json`.
    """

    paths: RunPaths
    status: Status
    message: str | None
    rows: tuple[TrialRow, ...]
    began: float | None
    ended: float | None
    spent_s: float = 0.0
    environment: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The run's name."""
        return self.paths.name

    @property
    def handle(self) -> str:
        """What commands find the run by."""
        return self.paths.handle

    def num_in_state(self, state: TrialState) -> int:
        """Return how many trials are in the state."""
        return sum(row.state == state for row in self.rows)

    def to_frame(self, *, curves: bool = False) -> Any:
        """Return the trials as a pandas table, one a row; with `curves` one row an epoch.

        Raises:
            UserError: pandas is not installed.
        """
        from tuner.record.frames import curves_frame, trials_frame  # which builds on this file

        return curves_frame(self) if curves else trials_frame(self)

    @property
    def num_epochs(self) -> int:
        """Epochs trained in all trials together."""
        return sum(row.num_epochs for row in self.rows)


def read_run(paths: RunPaths, events: Sequence[Event] | None = None) -> Run:
    """Read what became of a run so far.

    Args:
        paths: of the run.
        events: of its log, where they were read already.

    Raises:
        RunCorrupt: a line of the event log cannot be what was written.
        UserError: the environment file is not JSON.
    """
    events = read_events(paths.events_file) if events is None else events
    environment = read_environment(paths.environment_file)
    status, message = _status(paths.handle, events, environment)
    rows = fold_trials(events, paths.events_file)
    if status != "running":
        rows = [_settle(row) for row in rows]
    return Run(
        paths=paths,
        status=status,
        message=message,
        rows=tuple(rows),
        began=events[0].time if events else None,
        ended=events[-1].time if events and status != "running" else None,
        environment=environment,
        spent_s=Past(events=tuple(events)).spent_s,
    )


def leaderboard(run: Run, ranking: Ranking) -> list[Standing]:
    """Rank trials by their best epoch, equals by number; those without a finite value come last."""
    ranked = sorted(run.rows, key=lambda row: (row.cost(ranking), row.number))
    return [_standing(rank, row, ranking) for rank, row in enumerate(ranked, start=1)]


def pareto_front(
    run: Run, objectives: Sequence[Objective], ranking: Ranking
) -> list[tuple[TrialRow, tuple[float, ...]]]:
    """Return the trials that no other beats in every objective, with their values, by number.

    A trial's values are those of its best epoch, as in the leaderboard and in the study; a trial
    without all of them as finite numbers takes no part.
    """
    candidates = []
    for row in run.rows:
        best = row.best(ranking)
        costs = objective_costs(best.metrics, objectives) if best else None
        if best is not None and costs is not None:
            values = tuple(best.metrics[one.metric] for one in objectives)
            candidates.append((row, values, costs))
    return [
        (row, values)
        for row, values, costs in candidates
        if not any(dominates(other, costs) for _, _, other in candidates)
    ]


def find_trial(run: Run, number: int) -> TrialRow:
    """Return the trial of this number.

    Raises:
        UserError: there is none.
    """
    for row in run.rows:
        if row.number == number:
            return row
    raise UserError(
        f"the run '{run.name}' has {count(len(run.rows), 'trial')}, and none is {number}"
    )


def kept_checkpoints(paths: RunPaths, row: TrialRow) -> list[tuple[EpochPoint, Path]]:
    """Return the checkpoints of a trial that are on disk, with their folders.

    One that a worker was writing when its search was interrupted is not: its folder alone is there.
    """
    begun = begun_checkpoints(paths, row)
    return [(point, folder) for point, folder in begun if (folder / CHECKPOINT_FILE).exists()]


def begun_checkpoints(paths: RunPaths, row: TrialRow) -> list[tuple[EpochPoint, Path]]:
    """Return the checkpoints of a trial whose folders are there, written to their end or not."""
    folders = [(point, paths.folder / str(point.checkpoint)) for point in row.checkpoints]
    return [(point, folder) for point, folder in folders if folder.exists()]


def _standing(rank: int, row: TrialRow, ranking: Ranking) -> Standing:
    best = row.best(ranking)
    return Standing(
        rank=rank,
        row=row,
        value=best.metrics[ranking.metric] if best else math.nan,
        epoch=best.epoch if best else None,
        last=row.last_metrics.get(ranking.metric, math.nan),
    )


def _status(
    handle: str, events: Sequence[Event], environment: Mapping[str, Any]
) -> tuple[Status, str | None]:
    changes = [event for event in events if isinstance(event, RunChanged)]
    status: Status = changes[-1].status if changes else "created"
    message = changes[-1].message if changes else None
    driver = latest_driver(environment)
    if status in ("created", "running") and is_alive(driver) is False:
        return "died", (
            f"its driver (process {driver['pid']} on {driver['host']}) ended without a word; what "
            "it had reached is kept: its trials can be shown and promoted, and "
            f"`tuner resume {handle}` goes on"
        )
    return status, message


def _settle(row: TrialRow) -> TrialRow:
    # A run that is over has no running trial: its driver took them along.
    return replace(row, state="interrupted") if row.state == "running" else row


def read_environment(path: Path) -> dict[str, Any]:
    """Return the content of an environment file, empty without one.

    Raises:
        UserError: it is not JSON.
    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}): restore it from a copy") from error
    return content if isinstance(content, dict) else {}
