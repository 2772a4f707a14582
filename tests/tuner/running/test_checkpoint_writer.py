import threading

import pytest
import torch

import tuner.running.checkpoint_writer
from models.errors import UserError
from models.training.checkpoints import read_checkpoint, write_checkpoint
from tuner.record.trial_checkpoints import CHECKPOINT_FILE
from tuner.running.checkpoint_writer import CheckpointWriter, newest_checkpoint, open_folder
from tuner.running.trial_failure import CheckpointNotWritten, cause_of


@pytest.fixture
def folder(tmp_path):
    return open_folder(tmp_path / "checkpoints" / "a")


def write(folder, *epochs):
    with CheckpointWriter(folder) as writer:
        for epoch in epochs:
            writer.save(epoch, {"epoch": epoch})
        writer.finish()


def held_back(monkeypatch):
    """Let writing wait for the returned event."""
    go_on = threading.Event()

    def write_late(path, payload, **options):
        assert go_on.wait(60.0)
        write_checkpoint(path, payload, **options)

    monkeypatch.setattr(tuner.running.checkpoint_writer, "write_checkpoint", write_late)
    return go_on


def test_training_goes_on_while_its_state_is_written(folder, monkeypatch):
    go_on = held_back(monkeypatch)
    weights = torch.zeros(3)
    with CheckpointWriter(folder) as writer:
        name = writer.save(1, {"weights": [weights], "epoch": 1})
        weights += 1.0
        go_on.set()
        writer.finish()
    written = read_checkpoint(folder / name / CHECKPOINT_FILE)
    assert written["weights"][0].tolist() == [0.0, 0.0, 0.0]
    assert written["epoch"] == 1


def test_a_checkpoint_that_nobody_wants_any_more_does_not_come_back(folder, monkeypatch):
    go_on = held_back(monkeypatch)
    with CheckpointWriter(folder) as writer:
        name = writer.save(1, {})
        (folder / name).rmdir()
        go_on.set()
        writer.finish()
    assert list(folder.iterdir()) == []


def test_what_cannot_be_written_is_said_at_the_next_epoch(folder, monkeypatch):
    def fail(path, payload, **options):
        raise UserError(f"No space left on device: {path}")

    monkeypatch.setattr(tuner.running.checkpoint_writer, "write_checkpoint", fail)
    with CheckpointWriter(folder) as writer:
        writer.save(1, {})
        with pytest.raises(CheckpointNotWritten, match="No space left") as raised:
            writer.save(2, {})
    assert cause_of(raised.value) == "disk"


def test_a_folder_that_takes_nothing_is_the_disk_s_fault_and_not_the_trial_s(folder):
    (folder / "checkpoint_000001").write_text("a file in the way")
    with CheckpointWriter(folder) as writer, pytest.raises(CheckpointNotWritten) as raised:
        writer.save(1, {})
    assert cause_of(raised.value) == "disk"


def test_a_trial_goes_on_from_the_last_epoch_on_record(folder):
    write(folder, 1, 2, 3)
    assert newest_checkpoint(folder, 2) == folder / "checkpoint_000002" / CHECKPOINT_FILE
    assert not (folder / "checkpoint_000003").exists()  # it is trained again


@pytest.mark.parametrize("damage", ["missing", "torn", "empty"])
def test_a_trial_goes_on_from_the_newest_checkpoint_that_is_whole(folder, damage):
    write(folder, 1, 2)
    file = folder / "checkpoint_000002" / CHECKPOINT_FILE
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:100] if damage == "torn" else b"")
    assert newest_checkpoint(folder, 2) == folder / "checkpoint_000001" / CHECKPOINT_FILE


def test_a_trial_without_a_checkpoint_starts_over(folder):
    (folder / "notes").mkdir()
    assert newest_checkpoint(folder, 9) is None


def test_a_machine_that_does_not_see_the_run_says_so(tmp_path):
    with pytest.raises(UserError, match="`storage:` of the search be a folder that all machines"):
        open_folder(tmp_path / "elsewhere" / "checkpoints" / "a")
