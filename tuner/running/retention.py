"""Which checkpoints stay on disk: the best few of the best trials, within a number of bytes.

While a trial runs it keeps its best checkpoints and its latest two. Once it has ended it keeps its
best, and only while it is one of the best trials by the first objective or on the Pareto front.
One from which another trial is to go on keeps what that one takes until then.

Room is made whenever a checkpoint begins to be written, so that all that are written fit. What
gives way, the first first: checkpoints that are not the best of their trial, from the worst trial
on; then the best ones of trials that run or are off the Pareto front, then of those on it, the
worst by the first objective first. What never does: the last whole checkpoint of a trial that may
go on, or from which another is to go on, those of promoted and pinned trials, and the best one of
the best trial and of the best that has ended.

Ray could thin out within a trial, but then it saves its whole state with every few checkpoints,
which takes the driver seconds when there are a thousand trials.
"""

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from models.training.ranking import NO_VALUE, Ranking, has_value
from tuner.record.front import Costs, Front, dominates, objective_costs
from tuner.record.outcomes import OWN_FAULTS, Cause, Outcome
from tuner.record.paths import RunPaths
from tuner.record.pins import read_pins
from tuner.record.promotions import read_promotions
from tuner.record.trial_checkpoints import Saved, TrialCheckpoints
from tuner.record.trial_rows import TrialRow
from tuner.running.observer import Observer
from tuner.search.blocks import Keep, Objective

_GB = 1e9
_WRITING_S = 5.0
"""A worker that died never writes what it said it would."""
_POLL_S = 0.02
_LOOK_S = 0.05
"""How often it is looked whether checkpoints are written while there is no room for them."""
_NO_ROOM = "keep.max_gb is reached"
_NOT_WORTH = "better trials fill keep.top_k"
_NO_VALUE = "it failed, or has no value"


class Retention(Observer):
    """Deletes checkpoints that are not worth their place.

    Args:
        paths: the run's files.
        ranking: the order of epochs and trials, by the first objective.
        keep: how many ended trials keep their checkpoints, and what all may take together.
        num_per_trial: so many checkpoints of one trial stay.
        objectives: of the search; the Pareto front of several keeps its checkpoints, too.
        record: takes one sentence about a trial that loses its checkpoints, and its number as
            `dropped` or `thinned`; see `EventLog.run`.
        parents: returns the trials from which others are to go on that have not begun.
        max_epochs: of a trial; what goes on from another one does so from an epoch before.
    """

    def __init__(
        self,
        paths: RunPaths,
        ranking: Ranking,
        keep: Keep,
        *,
        num_per_trial: int,
        objectives: Sequence[Objective] = (),
        record: Callable[..., None],
        parents: Callable[[], Collection[str]] = tuple,
        max_epochs: int = 0,
    ) -> None:
        self._paths = paths
        self._ranking = ranking
        self._keep = keep
        self._num_per_trial = num_per_trial
        self._objectives = tuple(objectives) if len(objectives) > 1 else ()
        self._max_bytes = math.inf if keep.max_gb is None else keep.max_gb * _GB
        self._record = record
        self._parents = parents
        self._max_epochs = max_epochs
        self._trials: dict[str, TrialCheckpoints] = {}
        self._front = Front()  # of the trials whose values are final
        self._most_bytes = 0.0  # that had to stay when that was too much
        self._is_tight = False  # whether a checkpoint that gets written may let others go
        self._looked = -math.inf

    def recall(self, row: TrialRow, *, ended: bool) -> None:
        """Take a trial of a driver before, with those of its checkpoints that are on disk."""
        kept = TrialCheckpoints(number=row.number, state="ended" if ended else "open")
        best = row.best(self._ranking)
        if best is not None and row.state != "failed":
            kept.cost = best.cost(self._ranking)
            kept.values = self._values(best.metrics)
        for point in row.checkpoints:
            if (folder := self._paths.folder / str(point.checkpoint)).is_dir():
                kept.add(folder, point.cost(self._ranking))
        kept.look()
        if ended:
            self._lend(row.trial, kept, row.cause)
            self._to_front(row.trial, kept)
            kept.thin_out(self._num_per_trial)
        if kept.saved or not ended:  # else it lost its place
            self._trials[row.trial] = kept

    def created(self, trial: str, number: int, params: Mapping[str, Any]) -> None:
        """Take a new trial."""
        self._trials[trial] = TrialCheckpoints(number=number)

    def reported(
        self, trial: str, epoch: int, metrics: Mapping[str, float], checkpoint: str | None
    ) -> None:
        """Take an epoch, delete the trial's checkpoint that fell out of its best, and make room."""
        cost = self._ranking.cost(metrics, epoch)
        kept = self._trials[trial]
        if cost < kept.cost:
            kept.cost, kept.values = cost, self._values(metrics)
        if epoch >= self._max_epochs:
            self._lend(trial, kept, None)
        if checkpoint is not None:
            kept.add(self._paths.folder / checkpoint, cost, self._expected_bytes(kept))
            kept.look()
            self._is_tight = self._is_tight or not kept.saved[-1].num_bytes
            kept.thin_out(self._num_per_trial)
            self._make_room()

    def ended(self, trial: str, outcome: Outcome) -> None:
        """Take the end of a trial and delete what is not worth keeping any more.

        A failed trial cannot be promoted, so it keeps nothing; an interrupted one may go on, so
        it stays as it is; one that the time budget stopped may go on, too, with a larger one.
        """
        kept = self._trials[trial]
        kept.delete_unlisted(self._paths.trial_checkpoints(trial))
        if outcome.state == "interrupted":
            return
        kept.look()
        kept.state = "paused" if outcome.cause == Cause.BUDGET else "ended"
        if outcome.state == "failed":
            kept.cost, kept.values = NO_VALUE, None
        self._lend(trial, kept, outcome.cause)
        self._to_front(trial, kept)
        kept.thin_out(self._num_per_trial)
        self.tidy()

    def tick(self) -> None:
        """Make room as soon as checkpoints are written that make others superfluous."""
        if self._is_tight and time.monotonic() - self._looked >= _LOOK_S:
            self._looked = time.monotonic()
            for kept in self._trials.values():
                kept.look()
            self._is_tight = not all(one.num_bytes for one in self._saved)
            self._make_room()

    def tidy(self) -> None:
        """Delete the checkpoints of ended trials that are not worth keeping."""
        over = {name: kept for name, kept in self._trials.items() if kept.state != "open"}
        self._take_back(over)
        ranked = sorted((n for n, kept in over.items() if has_value(kept.cost)), key=self._place)
        worth = {*ranked[: self._keep.top_k], *self._spared()}
        for name in over:
            if name not in worth and not self._is_on_front(name):
                self._drop(name, _NOT_WORTH if name in ranked else _NO_VALUE)
        self._make_room()

    def wait_for_files(self) -> None:
        """Wait until the workers have written what they said they write."""
        deadline = time.monotonic() + _WRITING_S
        while time.monotonic() < deadline and not all(one.look() for one in self._saved):
            time.sleep(_POLL_S)

    @property
    def shortage(self) -> str | None:
        """What there is to say of a limit that could not be held."""
        if not self._most_bytes:
            return None
        return (
            f"keep.max_gb ({self._keep.max_gb:g}) could not be held: {self._most_bytes / _GB:.3g} "
            "GB of checkpoints had to stay, the last ones of trials that run or may go on, or from "
            "which others are to go on, those "
            "of promoted and pinned trials, and the best: raise it, or let fewer trials run side "
            "by side"
        )

    def _lend(self, trial: str, kept: TrialCheckpoints, cause: str | None) -> None:
        """Keep at a trial's end what others are to go on from, unless its settings ended it."""
        is_lent = cause not in OWN_FAULTS and trial in self._parents()
        kept.lent_before = self._max_epochs if is_lent else None

    def _take_back(self, over: Mapping[str, TrialCheckpoints]) -> None:
        """Delete what was kept for others alone that have begun."""
        lent = {name: kept for name, kept in over.items() if kept.lent_before is not None}
        parents = self._parents() if lent else ()
        for name, kept in lent.items():
            if name not in parents:
                kept.lent_before = None
                kept.thin_out(self._num_per_trial)

    def _place(self, trial: str) -> tuple[Any, ...]:
        return self._trials[trial].cost, self._trials[trial].number

    @property
    def _saved(self) -> Iterator[Saved]:
        return (one for kept in self._trials.values() for one in kept.saved)

    def _values(self, metrics: Mapping[str, float]) -> Costs | None:
        return objective_costs(metrics, self._objectives) if self._objectives else None

    def _to_front(self, trial: str, kept: TrialCheckpoints) -> None:
        """Let a trial whose values are final stand in the front, if it is not beaten."""
        if kept.state == "ended" and kept.values is not None:
            self._front.add(trial, kept.values)

    def _is_on_front(self, trial: str) -> bool:
        """Return whether no other beats it of those that have come to an end, for now or for good.

        What runs stands on no front: its values may yet change.
        """
        kept = self._trials[trial]
        if kept.state != "paused" or kept.values is None:
            return trial in self._front
        others = (one.values for one in self._trials.values() if one.state == "paused")
        return not self._front.beats(kept.values) and not any(
            dominates(values, kept.values) for values in others if values is not None
        )

    def _spared(self) -> set[str]:
        return {one.trial for one in read_promotions(self._paths)} | read_pins(self._paths)

    def _expected_bytes(self, kept: TrialCheckpoints) -> int:
        """Return what the next checkpoint takes: as the one before, or the smallest there is."""
        kept.look()
        if known := [one.num_bytes for one in kept.saved if one.written]:
            return known[-1]
        return min((one.num_bytes for one in self._saved if one.written), default=0)

    def _make_room(self) -> None:
        """Delete in the order of giving way until all fits, and say it once if nothing helps."""
        too_much = sum(one.num_bytes for one in self._saved) - self._max_bytes
        if too_much <= 0:
            return
        for trial, one in self._giving_way():
            too_much -= self._give_way(trial, one)
            if too_much <= 0:
                return
        self._is_tight = True
        in_writing = sum(one.num_bytes for one in self._saved if not one.written)
        if too_much > in_writing:
            self._note_shortage(self._max_bytes + too_much - in_writing)

    def _note_shortage(self, num_bytes: float) -> None:
        was_said = self.shortage is not None
        self._most_bytes = max(self._most_bytes, num_bytes)
        if not was_said:
            self._record(str(self.shortage))

    def _giving_way(self) -> Iterator[tuple[str, Saved]]:
        """Yield what may be deleted for want of room, the first to go first."""
        ranked = sorted(
            (name for name, kept in self._trials.items() if kept.saved), key=self._place
        )
        spared = self._spared()
        worst_first = [name for name in reversed(ranked) if name not in spared]
        for name in worst_first:
            for one in self._trials[name].spare:
                yield name, one
        over = [name for name in ranked if self._trials[name].state != "open"]
        leaders = {*ranked[:1], *over[:1]}
        for name in sorted(worst_first, key=self._is_on_front):
            if name not in leaders and (best := self._trials[name].best) is not None:
                yield name, best

    def _give_way(self, trial: str, one: Saved) -> int:
        kept = self._trials[trial]
        if one is not kept.best:
            return kept.delete(one)
        return self._drop(trial, _NO_ROOM)

    def _drop(self, trial: str, why: str) -> int:
        """Delete all checkpoints of a trial but those it needs, say so, and return the bytes."""
        kept = self._trials[trial]
        needed = kept.needed
        gone = [one for one in kept.saved if one not in needed]
        num_bytes = kept.delete(*gone)
        if kept.state == "ended" and not needed:
            del self._trials[trial]
        if gone and not (kept.thinned and needed):
            kept.thinned = True
            what, key = (
                ("all but the last checkpoint", "thinned")
                if needed
                else ("the checkpoints", "dropped")
            )
            said = f"deleted {what} of trial {kept.number} ({num_bytes / 1e6:.1f} MB): {why}"
            self._record(said, **{key: kept.number})
        return num_bytes
