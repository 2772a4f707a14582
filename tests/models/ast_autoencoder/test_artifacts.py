"""The folder of a training run."""

import json

import pytest

from models.ast_autoencoder.artifacts import (
    ArtifactFolder,
    artifact_folder_of,
    new_artifact_folder,
    read_config,
)
from models.errors import UserError


def test_two_runs_of_one_second_have_folders_of_their_own(tmp_path):
    folders = {new_artifact_folder(tmp_path).path for _ in range(3)}
    assert len(folders) == 3
    assert all(path.name.startswith("run_20") for path in folders)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another --artifacts_dir"):
        new_artifact_folder(tmp_path / "file" / "runs")


def test_config_comes_back(tmp_path):
    folder = ArtifactFolder(path=tmp_path)
    blocks = {"data": {"data_dir": "d"}, "model": {"lr": 1e-3}, "run": {"log_interval": 5}}
    folder.write_config({**blocks, "device": "cpu"})
    assert read_config(artifact_folder_of(tmp_path / "checkpoint_epoch_5.pt")) == blocks


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "{", '{"data": {}}'),
        '{"data": {}, "model": {}, "run": {}, "log": 3}',
        '{"data": {}, "model": {}, "run": {}, "preset": 3}',
    ],
)
def test_another_config_is_refused(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=r"config\.json"):
        read_config(ArtifactFolder(path=tmp_path))


def test_a_checkpoint_without_its_run_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no config\.json beside it"):
        artifact_folder_of(tmp_path / "best_model.pt")


def test_resuming_drops_the_lines_of_later_steps_and_a_torn_one(tmp_path):
    folder = ArtifactFolder(path=tmp_path)
    for step in (10, 20, 30):
        folder.append_steps({"step": step, "train/step_loss": 1.0})
    with folder.steps.open("a") as file:
        file.write('{"step": 4')
    folder.forget_steps_after(20)
    lines = folder.steps.read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [10, 20]
