"""Where metrics go: JSON lines, TensorBoard events."""

import json

import pytest

from models.errors import UserError
from models.training.layout import RunFolder
from models.training.sinks import LogSettings, open_sinks


@pytest.fixture
def folder(tmp_path):
    return RunFolder(path=tmp_path)


@pytest.fixture
def events():
    """Return the scalars of a folder of TensorBoard events: steps and values by name."""

    def read(path):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        accumulator = EventAccumulator(str(path))
        accumulator.Reload()
        return {
            name: [(event.step, event.value) for event in accumulator.Scalars(name)]
            for name in accumulator.Tags()["scalars"]
        }

    return read


def test_without_settings_there_are_json_lines_alone(folder):
    said = []
    sinks = open_sinks(LogSettings(), folder, {}, said.append)
    sinks.log(1, {"val/seq_acc": 0.5})
    sinks.log_step(7, {"train/step_loss": 1.0})
    sinks.log(2, {"val/seq_acc": 0.75})
    sinks.close()
    lines = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    assert lines == [{"epoch": 1, "val/seq_acc": 0.5}, {"epoch": 2, "val/seq_acc": 0.75}]
    assert said == []
    assert [path.name for path in folder.path.iterdir()] == ["metrics.jsonl"]


def test_tensorboard_shows_epochs_and_steps(folder, events):
    said = []
    sinks = open_sinks(LogSettings(tensorboard=True), folder, {}, said.append)
    sinks.log(1, {"val/seq_acc": 0.5, "lr": 0.25})
    sinks.log(2, {"val/seq_acc": 0.75, "lr": 0.125})
    sinks.log_step(10, {"train/step_loss": 4.0})
    sinks.close()
    assert events(folder.tensorboard) == {
        "val/seq_acc": [(1, 0.5), (2, 0.75)],
        "lr": [(1, 0.25), (2, 0.125)],
    }
    assert events(folder.tensorboard / "steps") == {"train/step_loss": [(10, 4.0)]}
    assert said == [f"TensorBoard: tensorboard --logdir {folder.tensorboard}"]


def test_tensorboard_can_be_watched_while_training_runs(folder, events):
    sinks = open_sinks(LogSettings(tensorboard=True), folder, {}, lambda line: None)
    sinks.log(1, {"lr": 0.25})
    assert events(folder.tensorboard) == {"lr": [(1, 0.25)]}
    sinks.close()


def test_a_resumed_run_voids_what_it_writes_anew(folder, events):
    for first_epoch, last_epoch, value in ((1, 4, 0.25), (3, 4, 0.5)):
        sinks = open_sinks(
            LogSettings(tensorboard=True), folder, {}, lambda line: None, first_epoch
        )
        for epoch in range(first_epoch, last_epoch + 1):
            sinks.log(epoch, {"lr": value})
        sinks.close()
    assert events(folder.tensorboard) == {"lr": [(1, 0.25), (2, 0.25), (3, 0.5), (4, 0.5)]}


def test_a_run_needs_a_project():
    with pytest.raises(UserError, match="--wandb_run a would be ignored: name a project too"):
        LogSettings(wandb_run="a")


@pytest.mark.parametrize("project", ["a/b", "a:b", "100%"])
def test_names_that_wandb_refuses_are_refused_before_anything_runs(project):
    with pytest.raises(UserError, match=rf"--wandb_project {project}: W&B refuses"):
        LogSettings(wandb_project=project)


def test_turning_wandb_off_beats_naming_a_project(folder):
    settings = LogSettings(wandb_project="p", wandb_run="r", no_wandb=True)
    said = []
    open_sinks(settings, folder, {}, said.append).close()
    assert said == []
    assert list(folder.path.iterdir()) == []
