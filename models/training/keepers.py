"""Which checkpoint files a run writes after an epoch, by the policy that its model declares."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from models.training.checkpoints import CheckpointKeeper, read_checkpoint
from models.training.contracts import ModelSpec
from models.training.layout import LAST, ArtifactFolder, Milestones, RunFolder, TopK
from models.training.loop import EpochReport
from models.training.ranking import NO_VALUE, Ranking, has_value
from models.training.resuming import Resumed

_MOST_UNSAVED_S = 60
"""What training may lose to an interrupt, beside the epoch that it is in, where epochs are long."""


def keeper_of(
    policy: TopK | Milestones, folder: RunFolder, spec: ModelSpec, top_k: int
) -> "Keeper":
    """Return what keeps the checkpoints of a run in its folder."""
    if isinstance(policy, TopK):
        return _TopKeeper(folder, tuple(map(spec.ranking, policy.metrics)), top_k)
    assert isinstance(folder, ArtifactFolder)
    return _MilestoneKeeper(folder, spec.ranking(policy.metric), policy.checkpoint_epochs)


class _TopKeeper:
    """Keeps the best epochs and the last one; the files themselves say which are the best."""

    def __init__(self, folder: RunFolder, rankings: tuple[Ranking, ...], top_k: int) -> None:
        self._files = CheckpointKeeper(folder.checkpoints, rankings, top_k)
        self._label = rankings[0].label
        self._last = folder.checkpoints / LAST

    @property
    def best(self) -> Path:
        return self._files.best(self._label) or self._last

    @property
    def last(self) -> Path | None:
        return self._last if self._last.is_file() else None

    def go_on(self, resumed: Resumed) -> None:
        pass

    def is_best(self, report: EpochReport) -> bool:
        return self._files.is_best(self._label, report.epoch, report.metrics)

    def keep(self, report: EpochReport) -> None:
        self._files.update(report.epoch, report.metrics, report.save)


class _MilestoneKeeper:
    """Keeps the best epoch, the last one, those at intervals, and between them the newest one.

    The last holds where nothing was written for a minute: an epoch on a CPU may take an hour.
    """

    def __init__(
        self,
        folder: ArtifactFolder,
        ranking: Ranking,
        checkpoint_epochs: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._ranking = ranking
        self._checkpoint_epochs = checkpoint_epochs
        self._clock = clock
        self._saved_s = clock()
        self._best = NO_VALUE
        self._between: Path | None = None
        self.last: Path | None = None

    @property
    def best(self) -> Path:
        return self._folder.best_model

    def go_on(self, resumed: Resumed) -> None:
        self.last = resumed.checkpoint
        own = self._folder.checkpoint(resumed.epoch)
        if resumed.checkpoint.resolve() == own.resolve() and not self._is_due(resumed.epoch):
            self._between = own
        if self.best.is_file():
            best = read_checkpoint(self.best)
            if int(best["epoch"]) <= resumed.epoch:
                self._best = self._ranking.cost(best["metrics"], int(best["epoch"]))

    def is_best(self, report: EpochReport) -> bool:
        cost = self._ranking.cost(report.metrics, report.epoch)
        return has_value(cost) and cost < self._best

    def keep(self, report: EpochReport) -> None:
        if self.is_best(report):
            self._best = self._ranking.cost(report.metrics, report.epoch)
            self._save(report, self.best)
        due = self._is_due(report.epoch)
        if due or (not report.finished and self._clock() - self._saved_s >= _MOST_UNSAVED_S):
            self._save(report, self._folder.checkpoint(report.epoch))
            self._forget_between(None if due else self.last)
        if report.finished:
            self._save(report, self._folder.final_model)
            self._forget_between(None)

    def _is_due(self, epoch: int) -> bool:
        return epoch % self._checkpoint_epochs == 0

    def _save(self, report: EpochReport, path: Path) -> None:
        report.save(path)
        self.last, self._saved_s = path, self._clock()

    def _forget_between(self, newer: Path | None) -> None:
        if self._between is not None:
            self._between.unlink(missing_ok=True)
        self._between = newer


Keeper: TypeAlias = _TopKeeper | _MilestoneKeeper
"""Has `best` and `last` (a checkpoint, or None), `go_on`, `is_best` and `keep`."""
