"""Which checkpoints stay on disk: those of the best trials, within a number of bytes.

Within one trial Ray keeps the best few. Across trials this module deletes: a trial that has ended
keeps its checkpoints only while it is among the best. Running and promoted trials are left alone.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from tuner.observer import Observer
from tuner.outcomes import Outcome
from tuner.paths import RunPaths
from tuner.trial_checkpoints import TrialDisk, delete_folders, trial_disk

_GB = 1e9


class Retention(Observer):
    """Deletes the checkpoints of ended trials that fell out of the best.

    Args:
        top_k: so many ended trials keep their checkpoints.
        max_gb: what all checkpoints of the run may take, or None without a limit; the best ended
            trial keeps its own in any case.
        record: takes one sentence about what was deleted.
    """

    def __init__(
        self,
        paths: RunPaths,
        metric: str,
        mode: Literal["max", "min"],
        *,
        top_k: int,
        max_gb: float | None,
        record: Callable[[str], None],
    ) -> None:
        self._paths = paths
        self._metric = metric
        self._sign = -1.0 if mode == "max" else 1.0
        self._top_k = top_k
        self._max_bytes = math.inf if max_gb is None else max_gb * _GB
        self._record = record
        self._numbers: dict[str, int] = {}
        self._costs: dict[str, float] = {}  # of the best epoch; less is better
        self._ended: dict[str, TrialDisk] = {}

    def created(self, trial: str, number: int, params: Mapping[str, Any]) -> None:
        """Take a new trial."""
        self._numbers[trial] = number
        self._costs[trial] = math.inf

    def reported(self, trial: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take the metrics of an epoch."""
        cost = self._sign * metrics.get(self._metric, math.nan)
        self._costs[trial] = min(self._costs[trial], cost)  # stays where the cost is NaN

    def ended(self, trial: str, outcome: Outcome) -> None:
        """Take the end of a trial and delete what is not worth keeping any more.

        A failed trial cannot be promoted, so it keeps nothing; an interrupted one may go on, so
        it keeps everything.
        """
        if outcome.state == "interrupted":
            return
        self._ended[trial] = trial_disk(self._paths, trial)
        if outcome.state == "failed":
            self._costs[trial] = math.inf
        promoted = promoted_trials(self._paths)
        ranked = sorted(self._ended, key=lambda name: self._costs[name])
        for name in self._surplus([name for name in ranked if name not in promoted]):
            self._delete(name)

    def _surplus(self, ranked: Sequence[str]) -> list[str]:
        """Return the trials to delete from: without a value, beyond the best, or too large."""
        worth = [name for name in ranked if self._costs[name] < math.inf][: self._top_k]
        surplus = [name for name in ranked if name not in worth]
        too_much = self._num_bytes(without=surplus) - self._max_bytes
        while too_much > 0 and len(worth) > 1:
            surplus.append(worth.pop())
            too_much -= self._ended[surplus[-1]].num_bytes
        return surplus

    def _num_bytes(self, without: Sequence[str]) -> int:
        names = self._numbers.keys() - set(without)
        disks = [self._ended.get(name) or trial_disk(self._paths, name) for name in names]
        return sum(disk.num_bytes for disk in disks)

    def _delete(self, trial: str) -> None:
        disk, number = self._ended.pop(trial), self._numbers.pop(trial)
        if disk.folders:
            delete_folders(disk)
            self._record(
                f"deleted {len(disk.folders)} checkpoints of trial {number} "
                f"({disk.num_bytes / 1e6:.1f} MB), as better trials fill keep.top_k or keep.max_gb"
            )


def promoted_trials(paths: RunPaths) -> set[str]:
    """Return the trials of a run that were promoted: their checkpoints are never deleted."""
    if not paths.promotion_file.exists():
        return set()
    content = json.loads(paths.promotion_file.read_text(encoding="utf-8"))
    return {entry["trial"] for entry in content.get("promoted", [])}
