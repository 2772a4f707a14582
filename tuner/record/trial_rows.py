"""One row a trial: what the events of a run say of each trial, folded together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from models.training.ranking import NO_VALUE, Cost, Ranking, has_value
from tuner.errors import RunCorrupt
from tuner.record.events import (
    Event,
    InfeasibleDraw,
    RunChanged,
    TrialCreated,
    TrialEnded,
    TrialReported,
    TrialStarted,
    seconds_between,
)
from tuner.record.paths import RunPaths

TrialState = Literal["queued", "running", "stopped", "done", "failed", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class EpochPoint:
    """What a trial reported after an epoch; `checkpoint` is a path inside the run folder.

    `inherited_from` is the trial that trained the epoch, where this one goes on from it.
    """

    epoch: int
    metrics: Mapping[str, float]
    time: float
    checkpoint: str | None = None
    inherited_from: str | None = None

    def cost(self, ranking: Ranking) -> Cost:
        """Return what sorts epochs, the best one first."""
        return ranking.cost(self.metrics, self.epoch)


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """One trial of a run.

    Attributes:
        trial: its id, as Ray and the study know it.
        number: its place in the order of drawing, from 0.
        params: values of the searched keys.
        config: the settings that its model was built from; None where no trial reported any.
        infeasible: points that were drawn before it and do not keep the search's constraints.
        cause: why it ended: `epochs`, `early_stop`, `rung N`, `nan`, `oom`, `error`, `lost`.
        message: the error behind a failure.
        where: the line of code behind it.
        curve: one point an epoch, epochs rising.
        num_starts: how often it began to run; more than 1 after a failure or a resume.
        duration_s: time spent running, pauses between starts left out.
    """

    trial: str
    number: int
    params: Mapping[str, Any]
    infeasible: tuple[InfeasibleDraw, ...] = ()
    config: Mapping[str, Any] | None = None
    state: TrialState
    cause: str | None = None
    message: str | None = None
    where: str | None = None
    curve: tuple[EpochPoint, ...] = ()
    created: float
    num_starts: int = 0
    node: str | None = None
    duration_s: float = 0.0

    @property
    def num_epochs(self) -> int:
        """The last epoch reported; 0 before the first."""
        return self.curve[-1].epoch if self.curve else 0

    @property
    def parent(self) -> str | None:
        """The trial whose checkpoint it went on from; None where it began anew."""
        return self.curve[0].inherited_from if self.curve else None

    @property
    def last_metrics(self) -> Mapping[str, float]:
        """The metrics of the last epoch."""
        return self.curve[-1].metrics if self.curve else {}

    @property
    def checkpoints(self) -> tuple[EpochPoint, ...]:
        """The points that wrote a checkpoint, which may be deleted since."""
        return tuple(point for point in self.curve if point.checkpoint is not None)

    def best(self, ranking: Ranking) -> EpochPoint | None:
        """Return the best epoch with a finite value, or None."""
        points = [point for point in self.curve if has_value(point.cost(ranking))]
        return min(points, key=lambda point: point.cost(ranking), default=None)

    def cost(self, ranking: Ranking) -> Cost:
        """Return what sorts trials, the best one first: where its best epoch stands."""
        best = self.best(ranking)
        return best.cost(ranking) if best else NO_VALUE


def fold_trials(events: Sequence[Event], source: Path) -> list[TrialRow]:
    """Fold events into one row a trial, by number.

    A report replaces what was reported of its epoch and later ones: a trial that went on from a
    checkpoint, or began anew, trains those epochs again.

    Raises:
        RunCorrupt: an event of a trial that was not created.
    """
    rows: dict[str, TrialRow] = {}
    spans: dict[str, Event] = {}  # since when a running trial's time is not counted yet
    for line, event in enumerate(events, start=1):
        if isinstance(event, RunChanged):
            continue
        row = rows.get(event.trial)
        if row is None and not isinstance(event, TrialCreated):
            problem = f"the trial {event.trial!r} was not created before"
            raise RunCorrupt(source, line, problem, RunPaths(source.parent).handle)
        rows[event.trial] = apply_event(row, event, spans)
    return sorted(rows.values(), key=lambda row: row.number)


def apply_event(
    row: TrialRow | None,
    event: TrialCreated | TrialStarted | TrialReported | TrialEnded,
    spans: dict[str, Event],
) -> TrialRow:
    """Return a trial's row after one more event.

    Args:
        row: as it was before; None before the first event, which creates the trial.
        event: of this trial.
        spans: since when the time of running trials is not counted yet; changed here.
    """
    if isinstance(event, TrialCreated):
        if row is not None:  # drawn again by a resumed run
            return replace(row, state="queued", cause=None, message=None)
        return TrialRow(
            trial=event.trial,
            number=event.number,
            params=event.params,
            infeasible=event.infeasible,
            state="queued",
            created=event.time,
        )
    assert row is not None
    if isinstance(event, TrialStarted):
        spans[event.trial] = event
        return replace(
            row,
            state="running",
            cause=None,
            message=None,
            num_starts=row.num_starts + 1,
            node=event.node,
        )
    spent = seconds_between(spans[event.trial], event) if event.trial in spans else 0.0
    row = replace(row, duration_s=row.duration_s + spent)
    if isinstance(event, TrialEnded):
        spans.pop(event.trial, None)
        return replace(
            row, state=event.state, cause=event.cause, message=event.message, where=event.where
        )
    spans[event.trial] = event
    point = EpochPoint(
        epoch=event.epoch,
        metrics=event.metrics,
        time=event.time,
        checkpoint=event.checkpoint,
        inherited_from=event.inherited_from,
    )
    earlier = row.curve
    if earlier and earlier[-1].epoch >= point.epoch:
        earlier = tuple(known for known in earlier if known.epoch < point.epoch)
    return replace(row, curve=(*earlier, point), config=event.config or row.config)
