"""Which checkpoints stay on disk: the best few of the best trials, within a number of bytes.

A trial keeps its best checkpoints, and while it runs those it may resume from. Once it has ended,
it keeps them only while it is among the best trials. Promoted trials are left alone.

Ray could thin out within a trial, but then it saves its whole state with every few checkpoints,
which takes the driver seconds when there are a thousand trials.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from models.training.ranking import NO_VALUE, Ranking, has_value
from tuner.record.outcomes import Outcome
from tuner.record.paths import RunPaths
from tuner.record.promotions import read_promotions
from tuner.record.trial_checkpoints import TrialCheckpoints, dropped_words
from tuner.record.trial_rows import TrialRow
from tuner.running.observer import Observer

_GB = 1e9
_WRITING_S = 5.0
"""A worker that died never writes what it said it would."""
_POLL_S = 0.02


class Retention(Observer):
    """Deletes checkpoints that are not worth their place.

    Args:
        paths: the run's files.
        ranking: the order of epochs and trials.
        num_per_trial: so many checkpoints of one trial stay.
        top_k: so many ended trials keep their checkpoints.
        max_gb: what all checkpoints of the run may take, or None without a limit; the best ended
            trial keeps its own in any case.
        record: takes one sentence about a trial that loses its checkpoints.
    """

    def __init__(
        self,
        paths: RunPaths,
        ranking: Ranking,
        *,
        num_per_trial: int,
        top_k: int,
        max_gb: float | None,
        record: Callable[[str], None],
    ) -> None:
        self._paths = paths
        self._ranking = ranking
        self._num_per_trial = num_per_trial
        self._top_k = top_k
        self._max_bytes = math.inf if max_gb is None else max_gb * _GB
        self._record = record
        self._trials: dict[str, TrialCheckpoints] = {}
        self._ended: set[str] = set()

    def recall(self, row: TrialRow, *, ended: bool) -> None:
        """Take a trial of a driver before, with those of its checkpoints that are on disk."""
        kept = TrialCheckpoints(number=row.number)
        for point in row.checkpoints:
            if (folder := self._paths.folder / str(point.checkpoint)).is_dir():
                kept.add(folder, point.cost(self._ranking))
        if ended and not kept.saved:
            return  # it lost its place
        kept.cost = NO_VALUE if row.state == "failed" else row.cost(self._ranking)
        self._trials[row.trial] = kept
        if ended:
            self._ended.add(row.trial)
            kept.thin_out(self._num_per_trial, running=False)

    def created(self, trial: str, number: int, params: Mapping[str, Any]) -> None:
        """Take a new trial."""
        self._trials[trial] = TrialCheckpoints(number=number)

    def reported(
        self, trial: str, epoch: int, metrics: Mapping[str, float], checkpoint: str | None
    ) -> None:
        """Take an epoch, and delete the trial's checkpoint that fell out of its best."""
        cost = self._ranking.cost(metrics, epoch)
        kept = self._trials[trial]
        kept.cost = min(kept.cost, cost)
        if checkpoint is not None:
            kept.add(self._paths.folder / checkpoint, cost)
            kept.thin_out(self._num_per_trial, running=True)

    def ended(self, trial: str, outcome: Outcome) -> None:
        """Take the end of a trial and delete what is not worth keeping any more.

        A failed trial cannot be promoted, so it keeps nothing; an interrupted one may go on, so
        it keeps everything that was reported.
        """
        self._trials[trial].delete_unlisted(self._paths.trial_checkpoints(trial))
        if outcome.state == "interrupted":
            return
        self._ended.add(trial)
        if outcome.state == "failed":
            self._trials[trial].cost = NO_VALUE
        self._trials[trial].thin_out(self._num_per_trial, running=False)
        self.tidy()

    def tidy(self) -> None:
        """Delete the checkpoints of ended trials that are not worth keeping."""
        spared = {promoted.trial for promoted in read_promotions(self._paths)}
        ranked = sorted(self._ended - spared, key=self._place)
        for name in self._surplus(ranked):
            self._drop(name)

    def wait_for_files(self, timeout_s: float = _WRITING_S) -> None:
        """Wait until the workers have written what they said they write."""
        deadline = time.monotonic() + timeout_s
        kept = [one for trial in self._trials.values() for one in trial.saved]
        while time.monotonic() < deadline and not all(one.num_bytes for one in kept):
            time.sleep(_POLL_S)

    def _place(self, trial: str) -> tuple[Any, ...]:
        return self._trials[trial].cost, self._trials[trial].number

    def _surplus(self, ranked: Sequence[str]) -> list[str]:
        """Return the ended trials that are without a value, beyond the best, or too large."""
        worth = [name for name in ranked if has_value(self._trials[name].cost)][: self._top_k]
        surplus = [name for name in ranked if name not in worth]
        left = self._trials.keys() - set(surplus)
        too_much = sum(self._trials[name].num_bytes for name in left) - self._max_bytes
        while too_much > 0 and len(worth) > 1:
            surplus.append(worth.pop())
            too_much -= self._trials[surplus[-1]].num_bytes
        return surplus

    def _drop(self, trial: str) -> None:
        self._ended.discard(trial)
        dropped = self._trials.pop(trial)
        if dropped.saved:
            self._record(
                f"{dropped_words(dropped.number)}"
                f"({dropped.num_bytes / 1e6:.1f} MB): better trials fill keep.top_k or keep.max_gb"
            )
            dropped.delete_all()
