"""A Ray Tune searcher over an Optuna study, by ask and tell.

Ray's own OptunaSearch records stopped trials as complete, loses the last report of every trial
and leaves trials that end in NaN running for ever. Here every report reaches the study, and a
trial ends as COMPLETE, PRUNED or FAIL with its cause (`study_rows`).

Trials go by the ids of the record. A trial that another driver began is taken over with
`take_over`, and goes on with `go_on`.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import TrialState
from ray.tune.search import Searcher

from models.training.ranking import Ranking
from tuner.record.events import InfeasibleDraw
from tuner.record.outcomes import EPOCH, METRICS, OWN_FAULTS, Outcome, lost, outcome_of
from tuner.record.trial_rows import TrialRow
from tuner.running.drawing import Point, PointDrawer
from tuner.running.heirs import Heirs
from tuner.running.progress import Progress
from tuner.running.study import close_storage
from tuner.running.study_rows import TrialCurve, new_row, outcome_of_row
from tuner.running.trial_config import IDLE, NUMBER, PARAMS, REACHED
from tuner.search.space import Space

OnTrial = Callable[[str, int, Mapping[str, Any], Sequence[InfeasibleDraw]], None]
"""Told of every new trial: its id, the study's number, the parameters, what was drawn in vain."""
OnOldTrial = Callable[[str, int, int], None]
"""Told of every trial that goes on: its id, the study's number, the epochs that it has."""


@dataclass(kw_only=True)
class _OpenRow:
    """A row of the study without an end.

    Attributes:
        row: its id in the storage.
        recorded: how the trial ended before, while it waits to go on.
    """

    number: int
    row: int
    params: Mapping[str, Any]
    curve: TrialCurve
    recorded: Outcome | None = None


class OptunaSearcher(Searcher):
    """Draws trials from a study and tells it what became of them.

    Args:
        study: where everything is recorded.
        points: draws.
        space: the search space.
        metrics: the objectives.
        ranking: says which epoch of a trial is the best.
        rungs: the epochs at which the scheduler compares trials.
        on_trial: told of every new trial.
        on_old_trial: told of every trial that goes on.
        on_exhausted: told of the number of trials where no point is left for another one.
        heirs: gives trials that go on from others what they begin with.
        progress: told of every epoch, for the sampler.
    """

    def __init__(
        self,
        study: optuna.Study,
        points: PointDrawer,
        space: Space,
        metrics: Sequence[str],
        ranking: Ranking,
        *,
        rungs: Sequence[float] = (),
        on_trial: OnTrial = lambda trial_id, number, params, infeasible: None,
        on_old_trial: OnOldTrial = lambda trial_id, number, num_epochs: None,
        on_exhausted: Callable[[int], None] = lambda num_trials: None,
        heirs: Heirs | None = None,
        progress: Progress | None = None,
    ) -> None:
        super().__init__()
        self._study = study
        self._storage = study._storage
        self._points = points
        self._space = space
        self._metrics = tuple(metrics)
        self._ranking = ranking
        self._rungs = tuple(rungs)
        self._on_trial = on_trial
        self._on_old_trial = on_old_trial
        self._on_exhausted = on_exhausted
        self._heirs = heirs
        self._progress = progress
        self._num_drawn = len(study.get_trials(deepcopy=False))
        self._open: dict[str, _OpenRow] = {}
        self._parents: dict[str, _OpenRow] = {}
        """Trials that ended before another one, which is to go on from them, had its turn."""
        self._unborn: set[int] = set()
        """Numbers of trials that an earlier driver drew, and that have not reported anything."""

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """Draw the next trial, write it to the study and return its number and parameters.

        Where no point is left, the worker is told to do nothing.

        Raises:
            UserError: no point keeps the constraints.
        """
        number = self._num_drawn
        takeover = self._heirs.takeover(number) if self._heirs else None
        parent = self._parent(takeover.parent) if takeover else None
        if self._heirs and parent:
            point = Point(values=self._heirs.settings(number, parent.params))
        else:
            point = self._points.draw(number)
        if point is None:
            self._on_exhausted(number)
            return {IDLE: True}
        row = new_row(self._space, trial_id, point.values, point.preset, point.infeasible)
        row_id = self._storage.create_new_trial(self._study._study_id, template_trial=row)
        self._num_drawn += 1
        self._study.sampler.before_trial(self._study, self._storage.get_trial(row_id))
        self._open[trial_id] = _OpenRow(
            number=number, row=row_id, params=point.values, curve=self._new_curve()
        )
        self._on_trial(trial_id, number, point.values, point.infeasible)
        reached = self._inherit(trial_id, takeover.parent, parent) if takeover and parent else 0
        return {NUMBER: number, PARAMS: point.values, REACHED: reached}

    @property
    def parents_to_come(self) -> set[str]:
        """The trials from whose checkpoints others are to go on that have not begun."""
        if self._heirs is None:
            return set()
        unborn = (self._heirs.takeover(number) for number in self._unborn)
        return self._heirs.parents_from(self._num_drawn) | {one.parent for one in unborn if one}

    def _parent(self, trial_id: str) -> _OpenRow | None:
        return self._open.get(trial_id) or self._parents.get(trial_id)

    def _inherit(self, trial_id: str, parent_id: str, parent: _OpenRow) -> int:
        """Let a trial go on from another one; return the epoch after which it does, 0 for none."""
        assert self._heirs is not None
        found = self._heirs.inherit(trial_id, parent_id, parent.curve.metrics_at)
        if found is None:
            return 0
        self._add(self._open[trial_id], *found)
        return found[0]

    def take_over(self, trials: Sequence[TrialRow], ended: Sequence[TrialRow] = ()) -> None:
        """Take the trials of earlier drivers.

        Args:
            trials: those whose rows in the study were left running, for they may go on.
            ended: the others, from which trials to come may go on.
        """
        rows = {row.number: row._trial_id for row in self._study.get_trials(deepcopy=False)}
        self._open |= {one.trial: self._open_row(one, rows[one.number]) for one in trials}
        self._unborn = {one.number for one in trials if not one.curve}
        parents = self.parents_to_come
        self._parents = {
            one.trial: self._open_row(one, rows[one.number])
            for one in ended
            if one.trial in parents and one.cause not in OWN_FAULTS
        }

    def _open_row(self, trial: TrialRow, row: int) -> _OpenRow:
        curve = self._new_curve()
        for point in trial.curve:
            curve.add(point.epoch, point.metrics)
        return _OpenRow(
            number=trial.number,
            row=row,
            params=trial.params,
            curve=curve,
            recorded=outcome_of_row(trial),
        )

    def go_on(self, trial_id: str) -> dict[str, Any]:
        """Return number, parameters and epoch of a trial that was taken over, as it starts."""
        known = self._open[trial_id]
        known.recorded = None
        self._on_old_trial(trial_id, known.number, known.curve.num_epochs)
        reached = self._inherit_late(trial_id, known) or known.curve.num_epochs
        self._unborn.discard(known.number)
        return {NUMBER: known.number, PARAMS: known.params, REACHED: reached}

    def _inherit_late(self, trial_id: str, known: _OpenRow) -> int:
        """Let a trial go on from its parent whose driver ended between drawing and doing that."""
        takeover = self._heirs.takeover(known.number) if self._heirs else None
        parent = self._parent(takeover.parent) if takeover else None
        if self._heirs is None or takeover is None or parent is None:
            return 0
        near = self._heirs.settings(known.number, parent.params)
        if known.number not in self._unborn or json.dumps(near) != json.dumps(dict(known.params)):
            return 0
        return self._inherit(trial_id, takeover.parent, parent)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Report a trial's best value so far to the study."""
        if trial_id in self._open:
            self._report(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell the study how a trial ended; Ray hands over its last result only here."""
        if trial_id not in self._open:
            return
        if error:
            self._tell(trial_id, lost("its worker died"))
        elif not result:
            self._tell(trial_id, Outcome(state="interrupted"))
        else:
            self._report(trial_id, result)
            self._tell(trial_id, outcome_of(result, self._rungs))

    def close(self, outcome: Outcome) -> None:
        """Tell the study that all trials without an end had this one, as the search is over.

        Those that another driver began and that had no turn again keep the end they had.
        """
        for trial_id, known in list(self._open.items()):
            self.end(trial_id, known.recorded or outcome)
        close_storage(self._storage)

    def end(self, trial_id: str, outcome: Outcome) -> None:
        """Tell the study how a trial ended; what Ray says of it later is not told."""
        if trial_id in self._open:
            self._tell(trial_id, outcome)

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: the study is in its own storage, and ahead of any snapshot of Ray."""

    def restore(self, checkpoint_path: str) -> None:
        """Read nothing: a resume reads the run's own record."""

    def _new_curve(self) -> TrialCurve:
        return TrialCurve(self._metrics, self._ranking)

    def _report(self, trial_id: str, result: Mapping[str, Any]) -> None:
        epoch = result.get(EPOCH)
        if epoch is None:
            return
        metrics = {**json.loads(result.get(METRICS, "{}")), **_finite(result, self._metrics)}
        self._add(self._open[trial_id], epoch, metrics)

    def _add(self, known: _OpenRow, epoch: int, metrics: Mapping[str, float]) -> None:
        """Add an epoch to a trial's row."""
        if self._progress is not None:
            self._progress.report(known.number, epoch, metrics)
        if (value := known.curve.add(epoch, metrics)) is not None:
            self._storage.set_trial_intermediate_value(known.row, epoch, value)

    def _tell(self, trial_id: str, outcome: Outcome) -> None:
        known = self._open.pop(trial_id)
        if outcome.cause not in OWN_FAULTS and trial_id in self.parents_to_come:
            self._parents[trial_id] = known
        end = known.curve.end(outcome)
        for key, value in end.attributes.items():
            self._storage.set_trial_user_attr(known.row, key, value)
        if end.state is TrialState.PRUNED and end.values is not None:
            # Optuna takes no values of a trial that was stopped; it reads them all the same.
            row = self._storage.get_trial(known.row)
            self._study.sampler.after_trial(self._study, row, end.state, end.values)
            self._storage.set_trial_state_values(known.row, end.state, end.values)
            return
        self._study.tell(known.number, end.values, state=end.state)


def _finite(result: Mapping[str, Any], names: Sequence[str]) -> dict[str, float]:
    """Return those of the named values that are finite numbers."""
    found = {name: result.get(name) for name in names}
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
