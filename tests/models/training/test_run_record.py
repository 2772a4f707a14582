"""Settings and metrics of a run: a run that goes on takes its folder over only when it does."""

import json
from pathlib import Path

import pytest

from models.training.layout import RunFolder
from models.training.loop import TrainingDiverged
from models.training.resuming import Resumed
from models.training.run_record import RunRecord, telling_how_to_go_on
from models.training.sinks import LogSettings


@pytest.fixture
def folder(tmp_path):
    made = RunFolder(path=tmp_path)
    for epoch in (1, 2, 3):
        made.append_metrics(epoch, {"loss": 1.0})
        made.append_steps({"step": 10 * epoch, "step_loss": 1.0})
    made.settings.write_text("old")
    return made


@pytest.fixture
def record(folder):
    """Open a record with TensorBoard, which tells that it is opened."""

    def open_record(said, epoch=None):
        resumed = None
        if epoch:
            resumed = Resumed(
                checkpoint=Path("x"),
                epoch=epoch,
                num_updates=10 * epoch,
                best=None,
                stale_epochs=0,
                metrics={},
            )
        return RunRecord(
            folder=folder,
            log=LogSettings(tensorboard=True),
            run_settings={},
            write_settings=lambda: folder.settings.write_text("new"),
            say=said.append,
            resumed=resumed,
        )

    return open_record


def content(folder):
    return (
        folder.settings.read_text(),
        [json.loads(line)["epoch"] for line in folder.metrics.read_text().splitlines()],
        [json.loads(line)["step"] for line in folder.steps.read_text().splitlines()],
    )


def test_a_run_that_goes_on_changes_nothing_before_its_first_epoch_is_complete(folder, record):
    said, before = [], content(folder)
    going = record(said, epoch=2)
    going.log_step(25, {"step_loss": 0.5})
    assert (content(folder), said) == (before, [])
    going.close(failed=True)
    assert not folder.tensorboard.exists()


def test_a_run_that_goes_on_forgets_what_came_later_and_keeps_what_it_held_back(folder, record):
    said = []
    going = record(said, epoch=2)
    going.log_step(25, {"step_loss": 0.5})
    for epoch in (3, 4):
        going.begin()
        going.log(epoch, {"loss": 0.5})
        going.log_step(10 * epoch + 5, {"step_loss": 0.5})
    going.close(failed=False)
    assert content(folder) == ("new", [1, 2, 3, 4], [10, 20, 25, 35, 45])
    assert [line.split(":")[0] for line in said] == ["TensorBoard"]


def test_a_new_run_logs_from_its_first_step_on(folder, record):
    said = []
    new = record(said)
    assert len(said) == 1
    new.log_step(40, {"step_loss": 0.5})
    assert content(folder)[2] == [10, 20, 30, 40]
    new.close(failed=False)


def test_a_divergence_is_told_with_how_to_go_on():
    said = []
    with (
        pytest.raises(TrainingDiverged, match="lower lr"),
        telling_how_to_go_on(said.append, lambda: "Go on with: x"),
    ):
        raise TrainingDiverged(3, 1, "the loss", "lower lr")
    assert said == ["Go on with: x"]


def test_an_interruption_carries_how_to_go_on():
    said = []
    with (
        pytest.raises(KeyboardInterrupt, match="Go on with: x"),
        telling_how_to_go_on(said.append, lambda: "Go on with: x"),
    ):
        raise KeyboardInterrupt
    assert said == []
