"""Which checkpoint files a run writes after an epoch, by the policy that its model declares."""

from pathlib import Path
from typing import TypeAlias

from models.training.checkpoints import CheckpointKeeper, read_checkpoint
from models.training.contracts import ModelSpec
from models.training.layout import LAST, ArtifactFolder, Milestones, RunFolder, TopK
from models.training.loop import EpochReport
from models.training.ranking import NO_VALUE, Ranking, has_value
from models.training.resuming import Resumed


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
    """Keeps the best epoch, the last one, and those at intervals."""

    def __init__(self, folder: ArtifactFolder, ranking: Ranking, checkpoint_epochs: int) -> None:
        self._folder = folder
        self._ranking = ranking
        self._checkpoint_epochs = checkpoint_epochs
        self._best = NO_VALUE
        self.last: Path | None = None

    @property
    def best(self) -> Path:
        return self._folder.best_model

    def go_on(self, resumed: Resumed) -> None:
        self.last = resumed.checkpoint
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
        if report.epoch % self._checkpoint_epochs == 0:
            self._save(report, self._folder.checkpoint(report.epoch))
        if report.finished:
            self._save(report, self._folder.final_model)

    def _save(self, report: EpochReport, path: Path) -> None:
        report.save(path)
        self.last = path


Keeper: TypeAlias = _TopKeeper | _MilestoneKeeper
"""Has `best` and `last` (a checkpoint, or None), `go_on`, `is_best` and `keep`."""
