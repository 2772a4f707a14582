"""The training loop: reports, early stopping, resuming bit for bit."""

import pickle

import pytest
import torch
from torch import nn

from models.errors import UserError
from models.training.checkpoints import read_checkpoint, write_checkpoint
from models.training.loop import FitSettings, TrainingDiverged, fit


class ScriptedTask:
    """Reports the scripted values of one validation metric, epoch by epoch."""

    def __init__(self, values, name="seq_acc"):
        self.values = values
        self.name = name
        self.trained = 0

    def train_epoch(self, epoch):
        self.trained += 1
        return {"loss": float(epoch)}

    def evaluate(self):
        return {self.name: self.values[self.trained - 1]}

    def state_dict(self):
        return {"trained": self.trained}

    def load_state_dict(self, state):
        self.trained = state["trained"]

    def describe(self):
        return {"model": "scripted"}


class DropoutTask:
    """A small regression with dropout, shuffling and Adam: all that a resume has to restore."""

    def __init__(self):
        self.network = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=0.01)
        self.x = torch.linspace(-1, 1, 30).view(10, 3)

    def train_epoch(self, epoch):
        for rows in torch.randperm(10).split(5):
            self.optimizer.zero_grad()
            noisy = self.network(self.x[rows]) + torch.randn(len(rows), 1)
            loss = (noisy - self.x[rows].sum(1, keepdim=True)).square().mean()
            loss.backward()
            self.optimizer.step()
        return {"loss": float(loss.detach())}

    def evaluate(self):
        with torch.no_grad():
            return {"seq_acc": float(self.network.eval()(self.x).abs().mean())}

    def state_dict(self):
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state):
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])

    def describe(self):
        return {"model": "dropout"}


def epochs_of(values, patience=0, **settings):
    """Train on scripted values; return the last report and all reports."""
    reports = []
    settings = FitSettings(epochs=len(values), early_stop_patience=patience, **settings)
    return fit(ScriptedTask(values), settings, reports.append), reports


def test_every_epoch_is_reported_with_prefixed_metrics():
    last, reports = epochs_of([0.1, 0.2, 0.15])
    assert [report.epoch for report in reports] == [1, 2, 3]
    assert [report.metrics["train/loss"] for report in reports] == [1.0, 2.0, 3.0]
    assert [report.metrics["val/seq_acc"] for report in reports] == [0.1, 0.2, 0.15]
    assert [report.finished for report in reports] == [None, None, "epochs"]
    assert last is reports[-1]
    for report in reports:
        assert 0 <= report.metrics["train_seconds"] <= report.metrics["seconds"]


@pytest.mark.parametrize(
    ("values", "patience", "epochs"),
    [
        ([0.0] * 9, 2, 9),  # patience does not run before anything is learned
        ([0.0, 0.0, 0.0, 0.1, 0.1, 0.1, 0.1], 2, 6),
        ([0.1, 0.2, 0.2, 0.2, 0.9, 0.9], 2, 4),  # equal is not better
        ([0.1, 0.1, 0.2, 0.2, 0.3, 0.3], 2, 6),
        ([0.1, 0.0, 0.0, 0.0], 3, 4),
        ([0.5, 0.1, 0.2, 0.3], 1, 2),
        ([0.5, 0.1, 0.2, 0.3], 0, 4),  # 0 never ends it
        ([float("nan"), float("nan"), 0.1, float("nan"), float("nan"), 0.2], 2, 5),
    ],
)
def test_patience_counts_epochs_without_a_better_value(values, patience, epochs):
    last, _ = epochs_of(values, patience)
    assert last.epoch == epochs
    assert last.finished == ("epochs" if epochs == len(values) else "early_stop")


def test_the_last_epoch_ends_training_by_itself_even_when_patience_is_out():
    last, _ = epochs_of([0.2, 0.1, 0.1], 2)
    assert (last.epoch, last.finished) == (3, "epochs")


def test_a_metric_where_less_is_better_stops_the_same_way():
    last, _ = epochs_of([3.0, 2.0, 2.0, 2.5, 1.0], 2, mode="min")
    assert (last.epoch, last.finished) == (4, "early_stop")


def test_the_floor_is_where_patience_starts():
    last, _ = epochs_of([-5.0, -5.0, -5.0, -4.0, -4.0, -4.0], 2, floor=-5.0)
    assert (last.epoch, last.finished) == (6, "epochs")
    last, _ = epochs_of([-5.0, -5.0, -4.0, -4.0, -4.0, -3.0], 2, floor=-5.0)
    assert (last.epoch, last.finished) == (5, "early_stop")


def test_patience_goes_on_where_a_checkpoint_left_it(tmp_path):
    values = [0.3, 0.2, 0.2, 0.2, 0.9]
    path = tmp_path / "last.ckpt"
    fit(ScriptedTask(values), FitSettings(epochs=2), lambda report: report.save(path))
    settings = FitSettings(epochs=5, early_stop_patience=2)
    last = fit(ScriptedTask(values), settings, lambda _: None, resume_from=path)
    assert (last.epoch, last.finished) == (3, "early_stop")


def test_a_resumed_run_equals_a_straight_one_bit_for_bit(tmp_path):
    def train(epochs, resume=None):
        torch.manual_seed(resume is not None)  # other weights than the run to be resumed
        task, metrics = DropoutTask(), []
        path = tmp_path / f"{epochs}.ckpt"

        def on_epoch(report):
            task.network.train()
            metrics.append([report.metrics[name] for name in ("train/loss", "val/seq_acc")])
            report.save(path)

        fit(task, FitSettings(epochs=epochs, seed=3), on_epoch, resume)
        return task.state_dict(), metrics, path

    straight, metrics, _ = train(6)
    _, first_metrics, path = train(2)
    resumed, later_metrics, _ = train(6, path)
    assert first_metrics + later_metrics == metrics
    torch.testing.assert_close(resumed, straight, rtol=0, atol=0)


def test_a_checkpoint_describes_itself(tmp_path):
    path = tmp_path / "a.ckpt"
    fit(ScriptedTask([0.25]), FitSettings(epochs=1), lambda report: report.save(path))
    payload = read_checkpoint(path)
    assert (payload["model"], payload["epoch"]) == ("scripted", 1)
    assert payload["metrics"]["val/seq_acc"] == 0.25
    assert payload["task"] == {"trained": 1}


def test_a_finished_run_is_not_resumed(tmp_path):
    path = tmp_path / "last.ckpt"
    fit(ScriptedTask([0.1, 0.2]), FitSettings(epochs=2), lambda report: report.save(path))
    message = r"last\.ckpt: already trained for 2 epochs: ask for more than 2 with --epochs"
    with pytest.raises(UserError, match=message):
        fit(ScriptedTask([0.1, 0.2]), FitSettings(epochs=2), lambda _: None, path)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({}, "it has no 'task'"),
        ({"task": {"trained": 1}}, "it has no 'progress'"),
        ({"task": {}, "progress": {}, "rng": {}}, "it has no 'trained'"),
        ({"task": {"trained": 1}, "progress": {"laps": 3}, "rng": {}}, "'laps'"),
        ({"task": {"trained": 1}, "progress": {}, "rng": {"cpu": torch.zeros(3)}}, "ByteTensor"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path, payload, reason):
    path = tmp_path / "other.ckpt"
    write_checkpoint(path, payload)
    with pytest.raises(
        UserError, match=rf"other\.ckpt: does not fit this model and data: .*{reason}"
    ):
        fit(ScriptedTask([0.1]), FitSettings(epochs=9), lambda _: None, path)


def test_what_a_report_raises_ends_training():
    def full_disk(report):
        raise UserError("no space")

    task = ScriptedTask([0.1, 0.2])
    with pytest.raises(UserError, match="no space"):
        fit(task, FitSettings(epochs=2), full_disk)
    assert task.trained == 1


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_validation_loss_that_is_not_finite_ends_training_before_anything_is_saved(loss):
    reports = []
    task = ScriptedTask([3.0, loss], name="loss")
    message = "val/loss is not finite at epoch 2, after its last step: lower lr"
    with pytest.raises(TrainingDiverged, match=message):
        fit(task, FitSettings(epochs=9), reports.append)
    assert [report.epoch for report in reports] == [1]


def test_divergence_says_what_when_and_what_to_do():
    error = TrainingDiverged(3, 7, "the gradient of decoder.head.bias", "lower lr: it is high")
    assert str(error) == (
        "the gradient of decoder.head.bias is not finite at epoch 3, step 7: lower lr: it is high"
    )
    assert (error.epoch, error.step) == (3, 7)


@pytest.mark.parametrize("step", [7, None])
def test_divergence_crosses_processes(step):
    error = TrainingDiverged(3, step, "the KL divergence", "lower lr: it is high")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), vars(again)) == (str(error), vars(error))
