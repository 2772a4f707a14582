"""The folder of a training run."""

import json

import pytest

from models.errors import UserError
from models.training.layout import (
    RunFolder,
    forget_later_epochs,
    new_run_folder,
    read_settings,
    run_folder_of,
)


@pytest.fixture
def folder(tmp_path):
    run = new_run_folder(tmp_path / "artifacts", "first", "custom")
    run.write_settings({"data": {"dataset": "pde"}, "model": {"lr": 1e-4}}, "Go on with: X")
    run.checkpoints.mkdir()
    return run


def test_a_run_without_a_name_is_called_after_its_preset_and_the_time(tmp_path):
    name = new_run_folder(tmp_path, None, "minimal").path.name
    stem, day, time = name.split("-")
    assert stem == "minimal"
    assert (len(day), len(time)) == (8, 6)
    assert (day + time).isdigit()


def test_a_name_that_is_taken_is_refused(tmp_path, folder):
    with pytest.raises(UserError, match=r"first: exists already: choose another --run_name"):
        new_run_folder(tmp_path / "artifacts", "first", "custom")


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "artifacts").write_text("")
    with pytest.raises(UserError, match=r"artifacts/a: cannot be created: Not a directory"):
        new_run_folder(tmp_path / "artifacts", "a", "custom")


def test_settings_are_read_back(folder):
    assert folder.settings.read_text().startswith("# Go on with: X\n")
    assert read_settings(folder) == {"data": {"dataset": "pde"}, "model": {"lr": 1e-4}}


@pytest.mark.parametrize("text", ["", "- a\n", "data: 3\n"])
def test_damaged_settings_are_told(folder, text):
    folder.settings.write_text(text)
    with pytest.raises(UserError, match=r"run\.yaml: not a run's settings file"):
        read_settings(folder)


@pytest.mark.parametrize(("text", "block"), [("model: {}\n", "data"), ("data: {}\n", "model")])
def test_a_missing_block_is_named(folder, text, block):
    folder.settings.write_text(text)
    with pytest.raises(UserError, match=rf"run\.yaml: the block `{block}` is missing"):
        read_settings(folder)


def test_the_run_of_a_checkpoint_is_found_from_anywhere(folder, monkeypatch):
    checkpoint = folder.checkpoints / "last.ckpt"
    checkpoint.touch()
    monkeypatch.chdir(folder.checkpoints)
    assert run_folder_of(checkpoint).path == folder.path.resolve()
    assert run_folder_of(checkpoint.relative_to(folder.checkpoints)).path == folder.path.resolve()


def test_a_checkpoint_outside_a_run_is_refused(tmp_path, folder):
    for place in (tmp_path / "last.ckpt", folder.path / "last.ckpt"):
        place.touch()
        with pytest.raises(UserError, match=r"last\.ckpt: not inside RUN/checkpoints/"):
            run_folder_of(place)


def test_metrics_are_one_json_object_an_epoch(folder):
    folder.append_metrics(1, {"val/seq_acc": 0.25, "lr": 1e-4})
    folder.append_metrics(2, {"val/seq_acc": 0.5})
    lines = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    assert lines == [
        {"epoch": 1, "val/seq_acc": 0.25, "lr": 1e-4},
        {"epoch": 2, "val/seq_acc": 0.5},
    ]


def test_epochs_after_the_checkpoint_are_forgotten_and_a_torn_line_too(folder):
    for epoch in (1, 2, 3):
        folder.append_metrics(epoch, {"loss": 1.0})
    with folder.metrics.open("a") as file:
        file.write('{"epoch": 4, "lo')  # killed while writing
    forget_later_epochs(folder, 2)
    assert [json.loads(line)["epoch"] for line in folder.metrics.read_text().splitlines()] == [1, 2]


def test_a_run_without_metrics_has_nothing_to_forget(tmp_path):
    forget_later_epochs(RunFolder(path=tmp_path), 3)
    assert list(tmp_path.iterdir()) == []
