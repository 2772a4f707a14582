"""A trial as its row in the study has it, whether it runs or is read from the record.

A row's value is the best so far, as everywhere; what the epochs gave in themselves is kept beside
it. The searcher writes rows while trials run, and a resume writes them anew from the event log:
both ask here what belongs in them, so that they agree.
"""

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from models.training.ranking import Ranking
from tuner.record.events import InfeasibleDraw
from tuner.record.outcomes import EPOCH, Cause, Outcome
from tuner.record.past import Past
from tuner.record.trial_rows import TrialRow
from tuner.running.drawing import CONSTRAINTS, first_points
from tuner.running.space_optuna import parameters
from tuner.running.study import (
    BEST_EPOCH,
    CAUSE,
    CURVE,
    INFEASIBLE,
    LAST,
    MESSAGE,
    RAY_TRIAL,
    WARM_START,
    name_metrics,
    write_study,
)
from tuner.running.study_place import StudyPlace
from tuner.search.search import Search
from tuner.search.space import Space

_LONGEST_MESSAGE = 500


@dataclass(frozen=True, kw_only=True)
class RowEnd:
    """How a row ends; of one objective `values` only where the trial is complete."""

    state: TrialState
    values: Sequence[float] | None = None
    attributes: Mapping[str, Any]


class TrialCurve:
    """What a trial has reported so far.

    Args:
        metrics: the objectives. With more than one the study gets no curves, since Optuna refuses
            `report` there; its values are those of the best epoch.
        ranking: says which epoch is the best.
    """

    def __init__(self, metrics: Sequence[str], ranking: Ranking) -> None:
        self._metrics = tuple(metrics)
        self._ranking = ranking
        self._points: dict[int, Mapping[str, float]] = {}

    @property
    def num_epochs(self) -> int:
        """The last epoch reported; 0 before the first."""
        return max(self._points, default=0)

    def metrics_at(self, epoch: int) -> Mapping[str, float] | None:
        """Return what an epoch reported; None where it did not."""
        return self._points.get(epoch)

    def add(self, epoch: int, metrics: Mapping[str, float]) -> float | None:
        """Take an epoch; return its intermediate value in the study, or None where it has none."""
        # A trial that goes on from a checkpoint repeats epochs.
        for later in [known for known in self._points if known >= epoch]:
            del self._points[later]
        self._points[epoch] = metrics
        if len(self._metrics) > 1 or not self._is_whole(metrics):
            return None
        return self._points[self._best(self._points)][self._ranking.metric]

    def end(self, outcome: Outcome) -> RowEnd:
        """Return the end of the row of a trial that ended so."""
        whole = {epoch: found for epoch, found in self._points.items() if self._is_whole(found)}
        attributes = self._describe(whole)
        several = len(self._metrics) > 1
        values = [whole[self._best(whole)][metric] for metric in self._metrics] if whole else None
        if outcome.state == "done" and self._points and max(self._points) in whole:
            return RowEnd(state=TrialState.COMPLETE, values=values, attributes=attributes)
        if outcome.state == "stopped" and (whole or several):
            return RowEnd(
                state=TrialState.PRUNED,
                # Of one objective Optuna itself takes the last report, which is the best so far.
                values=values if several else None,
                attributes={**attributes, CAUSE: outcome.cause},
            )
        cause = Cause.NAN if outcome.state == "done" else outcome.cause
        attributes[CAUSE] = cause or outcome.state
        if outcome.message:
            attributes[MESSAGE] = outcome.message[:_LONGEST_MESSAGE]
        return RowEnd(state=TrialState.FAIL, attributes=attributes)

    def _describe(self, curve: Mapping[int, Mapping[str, float]]) -> dict[str, Any]:
        """Return what the epochs gave in themselves, to stand beside the best value."""
        if not curve:
            return {}
        own = {metric: [found[metric] for found in curve.values()] for metric in self._metrics}
        return {
            BEST_EPOCH: self._best(curve),
            LAST: {metric: curve[max(curve)][metric] for metric in self._metrics},
            CURVE: {EPOCH: list(curve), **own},
        }

    def _best(self, curve: Mapping[int, Mapping[str, float]]) -> int:
        return min(curve, key=lambda epoch: self._ranking.cost(curve[epoch], epoch))

    def _is_whole(self, metrics: Mapping[str, Any]) -> bool:
        return all(_is_finite(metrics.get(metric)) for metric in self._metrics)


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def new_row(
    space: Space,
    trial: str,
    values: Mapping[str, Any],
    preset: str | None,
    infeasible: Sequence[InfeasibleDraw] = (),
) -> FrozenTrial:
    """Return the row of a trial that begins.

    Args:
        space: the search space.
        trial: the trial's id.
        values: of the active keys.
        preset: what a warm start came from.
        infeasible: what was drawn before and does not keep the constraints, which the values do.
    """
    params, distributions = parameters(space, values)
    attributes: dict[str, Any] = {RAY_TRIAL: trial}
    if preset is not None:
        attributes[WARM_START] = preset
    if infeasible:
        attributes[INFEASIBLE] = [dict(draw.params) for draw in infeasible]
    kept = {CONSTRAINTS: [0.0] * len(space.constraints)} if space.constraints else {}
    return create_trial(
        state=TrialState.RUNNING,
        params=params,
        distributions=distributions,
        user_attrs=attributes,
        system_attrs=kept,
    )


def study_of(
    search: Search,
    place: StudyPlace,
    sampler: BaseSampler,
    past: Past,
) -> optuna.Study:
    """Write the study of a search as the record has it; trials that may go on are left running.

    Raises:
        UserError: the storage cannot be opened, or the study there is of another search.
    """
    study = write_study(
        place,
        [objective.mode for objective in search.objectives],
        sampler,
        space=search.space.digest,
        rows=rows_of(search, past, going_on={row.trial for row in past.unfinished}),
    )
    name_metrics(study, [objective.metric for objective in search.objectives])
    return study


def rows_of(search: Search, past: Past, *, going_on: Container[str] = ()) -> Iterator[FrozenTrial]:
    """Yield the row of every trial of the record, by number from 0; a gap is a failure.

    Args:
        search: the search.
        past: what is on record.
        going_on: trials that are left running.
    """
    firsts = first_points(search.space, search.warm_starts)
    times = _times_of_ends(past)
    by_number = {row.number: row for row in past.rows}
    for number in range(max(by_number, default=-1) + 1):
        row = by_number.get(number)
        if row is None:
            yield create_trial(state=TrialState.FAIL, user_attrs={CAUSE: Cause.LOST})
            continue
        first = firsts[row.number] if row.number < len(firsts) else None
        # Another point stands in for a warm start that does not keep the constraints.
        preset = first.preset if first and dict(first.values) == dict(row.params) else None
        began = new_row(search.space, row.trial, row.params, preset, row.infeasible)
        began.datetime_start = datetime.fromtimestamp(row.created)
        curve = TrialCurve([objective.metric for objective in search.objectives], search.ranking)
        for point in row.curve:
            value = curve.add(point.epoch, point.metrics)
            if value is not None:
                began.intermediate_values[point.epoch] = value
        if row.trial not in going_on:
            ended_at = times.get(row.trial, began.datetime_start)
            _finish(began, curve.end(outcome_of_row(row)), ended_at)
        yield began


def _finish(row: FrozenTrial, end: RowEnd, time: datetime) -> None:
    row.state, row.datetime_complete = end.state, time
    row.user_attrs = {**row.user_attrs, **end.attributes}
    row.values = end.values
    if end.state is TrialState.PRUNED and row.last_step is not None:
        # Optuna takes the last report for the value of a trial that was stopped.
        row.values = [row.intermediate_values[row.last_step]]


def _times_of_ends(past: Past) -> dict[str, datetime]:
    """Return when trials ended, each later than the one before: clocks are set back at times."""
    times: dict[str, datetime] = {}
    latest = datetime.fromtimestamp(0)
    for trial, time in past.ends.items():
        latest = max(datetime.fromtimestamp(time), latest + timedelta(microseconds=1))
        times[trial] = latest
    return times


def outcome_of_row(row: TrialRow) -> Outcome:
    """Return the outcome that is on record; a trial that only waits or runs was interrupted."""
    if row.state in ("queued", "running"):
        return Outcome(state="interrupted")
    return Outcome(state=row.state, cause=row.cause, message=row.message)
