"""Checkpoint files: which stay, what a full disk does, what is refused."""

import os
import pickle
from pathlib import Path

import pytest
import torch

from models.errors import UserError
from models.training.checkpoints import (
    LAST,
    CheckpointKeeper,
    best_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from models.training.ranking import Ranking

ACCURACY = Ranking(metric="val/seq_acc", mode="max")
LOSS = Ranking(metric="val/loss", mode="min")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def run_epochs(folder, values, *, ranking=ACCURACY, top_k=2, first_epoch=1):
    """Update a fresh keeper with one value an epoch; every file holds its epoch."""
    keeper = CheckpointKeeper(folder, (ranking,), top_k)
    for epoch, value in enumerate(values, start=first_epoch):
        keeper.update(
            epoch, {ranking.metric: value}, lambda path, e=epoch: write_checkpoint(path, {"e": e})
        )
    return keeper


def kept(folder, label="seq_acc"):
    """Return the epochs of the best files, each checked against what is in the file."""
    files = {int(path.name.split("-")[2]): path for path in folder.glob(f"best-{label}-*")}
    assert all(read_checkpoint(path)["e"] == epoch for epoch, path in files.items())
    return sorted(files)


@pytest.fixture
def full_disk(monkeypatch):
    """Make the file beside a target one that every write fails on for want of space."""

    def fill(target: Path) -> None:
        target.with_name(f".{target.name}.part").symlink_to("/dev/full")

    return fill


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "new" / "last.ckpt"
    write_checkpoint(path, {"weights": {"a": torch.arange(3)}, "epoch": 4, "best": None})
    payload = read_checkpoint(path)
    assert payload.pop("weights")["a"].tolist() == [0, 1, 2]
    assert payload == {"format": 1, "epoch": 4, "best": None}
    assert names(path.parent) == ["last.ckpt"]


def test_files_are_named_after_metric_epoch_and_value(tmp_path):
    keeper = CheckpointKeeper(tmp_path, (ACCURACY, LOSS), top_k=3)
    written = keeper.update(
        12,
        {"val/seq_acc": 0.99754, "val/loss": 21.3},
        lambda path: write_checkpoint(path, {"e": 12}),
    )
    expected = ["best-seq_acc-12-0.9975.ckpt", "best-loss-12-21.3000.ckpt"]
    assert [path.name for path in written] == expected
    assert names(tmp_path) == sorted([*expected, LAST])


def test_the_best_few_of_each_kind_stay(tmp_path):
    keeper = CheckpointKeeper(tmp_path, (ACCURACY, LOSS), top_k=2)
    accuracies = [0.1, 0.3, 0.2, 0.2, 0.5]
    losses = [9.0, 8.0, 10.0, 7.0, 8.5]
    for epoch, (accuracy, loss) in enumerate(zip(accuracies, losses, strict=True), start=1):
        keeper.update(
            epoch,
            {"val/seq_acc": accuracy, "val/loss": loss},
            lambda path, e=epoch: write_checkpoint(path, {"e": e}),
        )
    assert kept(tmp_path, "seq_acc") == [2, 5]
    assert kept(tmp_path, "loss") == [2, 4]
    assert read_checkpoint(tmp_path / LAST)["e"] == 5
    assert len(names(tmp_path)) == 5


@pytest.mark.parametrize(
    ("ranking", "values", "epochs"),
    [
        (ACCURACY, [0.5, 0.5, 0.5], [2, 3]),  # of equals the later
        (ACCURACY, [0.5, 0.4, 0.5], [1, 3]),
        (ACCURACY, [0.0, 0.0, 0.1], [2, 3]),
        (LOSS, [-3.0, -1.0, -2.0], [1, 3]),  # negative values
        (LOSS, [0.5, -0.5, -0.4], [2, 3]),
        (LOSS, [float("inf"), 5.0, 4.0], [2, 3]),
        (LOSS, [float("nan"), 5.0, float("nan")], [2]),
        (LOSS, [1e30, 2e30, 5.0], [1, 3]),
    ],
)
def test_values_of_any_sign_and_size_are_ranked(tmp_path, ranking, values, epochs):
    run_epochs(tmp_path, values, ranking=ranking)
    assert kept(tmp_path, ranking.label) == epochs


BY_ELBO = Ranking(metric="val/seq_acc", mode="max", secondary="val/elbo")
NO_ACCURACY = [-20.0, -13.5, -19.0, -14.0, -13.5]
"""Values of `val/elbo` in a run whose accuracy stays at 0: epochs 5, 2 and 4 are the best."""


def run_pairs(folder, pairs, *, ranking=BY_ELBO, top_k=2, first_epoch=1):
    """Update a fresh keeper with pairs of accuracy and elbo; every file holds its metrics."""
    keeper = CheckpointKeeper(folder, (ranking,), top_k)
    for epoch, (accuracy, elbo) in enumerate(pairs, start=first_epoch):
        metrics = {"val/seq_acc": accuracy, "val/elbo": elbo}
        payload = {"e": epoch, "metrics": metrics}
        keeper.update(epoch, metrics, lambda path, p=payload: write_checkpoint(path, p))
    return keeper


@pytest.mark.parametrize(
    ("pairs", "epochs", "best"),
    [
        ([(0.0, elbo) for elbo in NO_ACCURACY], [2, 5], 5),
        ([(0.0, -1.0), (0.1, -9.0), (0.1, -8.0), (0.1, -9.5)], [2, 3], 3),
        ([(0.5, -1.0), (0.50001, -9.0), (0.49999, -0.5)], [1, 2], 2),  # equal names, not values
    ],
)
def test_of_equal_values_the_secondary_metric_decides(tmp_path, pairs, epochs, best):
    keeper = run_pairs(tmp_path, pairs)
    assert kept(tmp_path) == epochs
    assert read_checkpoint(keeper.best("seq_acc"))["e"] == best
    assert read_checkpoint(best_checkpoint(tmp_path, [BY_ELBO]))["e"] == best


def test_less_of_a_secondary_metric_can_be_better(tmp_path):
    ranking = Ranking(metric="val/seq_acc", mode="max", secondary="val/elbo", secondary_mode="min")
    run_pairs(tmp_path, [(0.0, elbo) for elbo in NO_ACCURACY], ranking=ranking)
    assert kept(tmp_path) == [1, 3]


@pytest.mark.parametrize("stop", range(1, len(NO_ACCURACY)))
def test_a_resumed_run_decides_between_equals_as_one_that_went_through(tmp_path, stop):
    pairs = [(0.0, elbo) for elbo in NO_ACCURACY]
    run_pairs(tmp_path, pairs[:stop])
    run_pairs(tmp_path, pairs[stop:], first_epoch=stop + 1)
    assert kept(tmp_path) == [2, 5]


def test_an_epoch_that_is_not_among_the_best_writes_no_file_of_its_own(tmp_path):
    keeper = run_pairs(tmp_path, [(0.5, -13.0), (0.5, -14.0)])
    metrics = {"val/seq_acc": 0.5, "val/elbo": -14.5}
    assert keeper.update(3, metrics, lambda path: write_checkpoint(path, {"e": 3})) == []
    assert kept(tmp_path) == [1, 2]


def test_an_epoch_knows_whether_it_is_the_best(tmp_path):
    keeper = run_pairs(tmp_path, [(0.0, -20.0), (0.0, -13.5)])
    told = [
        keeper.is_best("seq_acc", 3, {"val/seq_acc": accuracy, "val/elbo": elbo})
        for accuracy, elbo in [(0.0, -13.6), (0.0, -13.5), (0.0, -13.4), (0.1, -30.0)]
    ]
    assert told == [False, True, True, True]


def test_a_damaged_file_among_equals_is_told(tmp_path):
    run_pairs(tmp_path, [(0.0, -20.0), (0.0, -13.5)])
    (tmp_path / "best-seq_acc-1-0.0000.ckpt").write_bytes(b"torn")
    with pytest.raises(UserError, match=r"best-seq_acc-1-0\.0000\.ckpt: not read|damaged"):
        best_checkpoint(tmp_path, [BY_ELBO])


def test_a_metric_that_an_epoch_does_not_report_keeps_nothing(tmp_path):
    keeper = CheckpointKeeper(tmp_path, (ACCURACY,), top_k=2)
    keeper.update(1, {"val/loss": 3.0}, lambda path: write_checkpoint(path, {}))
    assert names(tmp_path) == [LAST]
    assert keeper.best("seq_acc") is None


def test_the_best_file_is_found_by_the_direction_of_its_metric(tmp_path):
    assert run_epochs(tmp_path, [0.2, 0.9, 0.5]).best("seq_acc").name == (
        "best-seq_acc-2-0.9000.ckpt"
    )
    best = run_epochs(tmp_path, [-1.0, -2.0], ranking=LOSS).best("loss")
    assert best.name == "best-loss-2--2.0000.ckpt"
    assert best_checkpoint(tmp_path, (LOSS, ACCURACY)) == best
    assert best_checkpoint(tmp_path / "nowhere", (LOSS, ACCURACY)) is None


def test_metrics_with_a_common_beginning_are_not_confused(tmp_path):
    sampled = Ranking(metric="val/seq_acc_sampled", mode="max")
    run_epochs(tmp_path, [0.9], ranking=sampled)
    assert run_epochs(tmp_path, [0.1]).best("seq_acc").name == "best-seq_acc-1-0.1000.ckpt"


def test_a_resumed_run_goes_on_with_the_files_it_finds(tmp_path):
    run_epochs(tmp_path / "straight", [0.1, 0.4, 0.3, 0.2, 0.5])
    run_epochs(tmp_path / "resumed", [0.1, 0.4, 0.3])
    run_epochs(tmp_path / "resumed", [0.2, 0.5], first_epoch=4)
    assert names(tmp_path / "resumed") == names(tmp_path / "straight")
    assert kept(tmp_path / "resumed") == [2, 5]


def test_an_epoch_that_is_trained_again_replaces_its_file(tmp_path):
    run_epochs(tmp_path, [0.1, 0.4])
    run_epochs(tmp_path, [0.4], first_epoch=2)
    assert kept(tmp_path) == [1, 2]


def test_a_name_that_is_not_ours_is_told(tmp_path):
    (tmp_path / "best-seq_acc-final.ckpt").touch()
    with pytest.raises(UserError, match=r"best-seq_acc-final\.ckpt: not a checkpoint name"):
        run_epochs(tmp_path, [0.1])


@pytest.mark.parametrize("size", [3, 200_000], ids=("when closed", "while written"))
def test_a_full_disk_leaves_the_old_checkpoint(tmp_path, full_disk, size):
    path = tmp_path / LAST
    write_checkpoint(path, {"e": 1})
    full_disk(path)
    message = r"last\.ckpt: the checkpoint cannot be written \(.*No space left on device\)\. Free"
    with pytest.raises(UserError, match=message):
        write_checkpoint(path, {"e": 2, "weights": torch.zeros(size)})
    assert read_checkpoint(path)["e"] == 1
    assert names(tmp_path) == [LAST]


def test_without_hard_links_files_are_copied(tmp_path, monkeypatch, full_disk):
    def refuse(self, target):
        raise OSError("no hard links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    run_epochs(tmp_path, [0.1, 0.4, 0.3])
    assert kept(tmp_path) == [2, 3]
    assert all(path.stat().st_nlink == 1 for path in tmp_path.iterdir())


def test_a_disk_that_fills_while_copying_leaves_no_torn_file(tmp_path, monkeypatch):
    def refuse(self, target):
        self.symlink_to("/dev/full")
        raise OSError("no hard links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with pytest.raises(UserError, match="cannot be written: No space left on device"):
        run_epochs(tmp_path, [0.1])
    assert names(tmp_path) == [LAST]


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.ckpt: no such checkpoint"):
        read_checkpoint(tmp_path / "nowhere.ckpt")
    with pytest.raises(UserError, match="no such checkpoint"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_file_is_told(tmp_path, share):
    path = tmp_path / LAST
    write_checkpoint(path, {"weights": torch.zeros(1000)})
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=r"last\.ckpt: not a checkpoint, or damaged"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"# A text\n", b"\x93NUMPY"])
def test_a_file_that_torch_never_wrote_is_called_no_checkpoint(tmp_path, content):
    path = tmp_path / "README.md"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"README\.md: not a checkpoint, or damaged: .*: give a \."):
        read_checkpoint(path)


class _Evil:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (os.mkdir, (self.target,))


def write_pickle(payload, path):
    path.write_bytes(pickle.dumps(payload))


@pytest.mark.parametrize("write", [torch.save, write_pickle])
def test_code_in_a_checkpoint_does_not_run(tmp_path, write):
    path, target = tmp_path / LAST, tmp_path / "made by the checkpoint"
    write({"format": 1, "task": _Evil(str(target))}, path)
    with pytest.raises(UserError, match=r"last\.ckpt: not read, since it holds more than tensors"):
        read_checkpoint(path)
    assert not target.exists()


@pytest.mark.parametrize("payload", [{"weights": 1}, {"format": 99}, [1, 2]])
def test_a_file_of_another_project_is_refused(tmp_path, payload):
    torch.save(payload, tmp_path / "other.pt")
    with pytest.raises(UserError, match=r"other\.pt: not a checkpoint of format 1"):
        read_checkpoint(tmp_path / "other.pt")
