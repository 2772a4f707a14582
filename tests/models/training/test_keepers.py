"""Which checkpoints of a run that writes them at milestones are on the disk after each epoch."""

import pytest

from models.training.keepers import _MilestoneKeeper
from models.training.layout import ArtifactFolder
from models.training.loop import EpochReport
from models.training.ranking import Ranking
from models.training.resuming import Resumed

LOSS = Ranking(metric="val/loss", mode="min")


@pytest.fixture
def train(tmp_path):
    """Let a keeper see epochs of so many seconds whose loss is best at first; return its files."""
    folder = ArtifactFolder(path=tmp_path)

    def call(seconds, last, first=1, checkpoint=None):
        now = [0.0]
        keeper = _MilestoneKeeper(folder, LOSS, 5, lambda: now[0])
        if checkpoint is not None:
            keeper.go_on(
                Resumed(
                    checkpoint=folder.path / checkpoint, epoch=first - 1, num_updates=1, best=None,
                    stale_epochs=0, metrics={},
                )
            )  # fmt: skip
        for epoch in range(first, last + 1):
            now[0] += seconds
            metrics = {"val/loss": 1.0 + epoch}
            content = {"epoch": epoch, "metrics": metrics}
            ends = "epochs" if epoch == 12 else None
            keeper.keep(
                EpochReport(
                    epoch=epoch, metrics=metrics, finished=ends, payload=lambda c=content: c
                )
            )
        assert keeper.last is not None
        return keeper.last.name, sorted(path.name for path in tmp_path.glob("*.pt"))

    return call


def test_short_epochs_leave_the_milestones_and_the_best(train):
    files = ["best_model.pt", "checkpoint_epoch_10.pt", "checkpoint_epoch_5.pt"]
    assert train(1, 11) == ("checkpoint_epoch_10.pt", files)


def test_of_long_epochs_the_newest_is_there_until_the_next(train):
    files = ["best_model.pt", "checkpoint_epoch_4.pt"]
    assert train(90, 4) == ("checkpoint_epoch_4.pt", files)
    assert train(90, 5, 5, "checkpoint_epoch_4.pt")[1] == ["best_model.pt", "checkpoint_epoch_5.pt"]
    files = ["best_model.pt", "checkpoint_epoch_5.pt", "checkpoint_epoch_8.pt"]
    assert train(25, 9, 6, "checkpoint_epoch_5.pt") == ("checkpoint_epoch_8.pt", files)


def test_the_end_leaves_no_checkpoint_between_milestones(train):
    last, files = train(90, 12)
    assert last == "final_model.pt"
    assert [name for name in files if name.startswith("ch")] == [
        "checkpoint_epoch_10.pt", "checkpoint_epoch_5.pt",
    ]  # fmt: skip
