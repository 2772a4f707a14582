import pytest

from tuner.record.folder_check import check_folder
from tuner.record.paths import RunPaths


@pytest.fixture
def paths(tmp_path):
    paths = RunPaths(tmp_path / "first")
    folder = paths.trial_checkpoints("t") / "checkpoint_000000"
    folder.mkdir(parents=True)
    (folder / "checkpoint.ckpt").touch()
    for file in (paths.search_file, paths.events_file, paths.study_file, paths.log_file):
        file.touch()
    for name in (".validate_storage_marker", "tuner.pkl", "experiment_state-2026.json"):
        (paths.checkpoints / name).touch()
    (paths.trial_checkpoints("t") / "error.txt").touch()
    return paths


def said(paths):
    return [f"{finding.what}: {finding.remedy}" for finding in check_folder(paths)]


def test_all_that_a_run_writes_is_known(paths):
    assert said(paths) == []


@pytest.mark.parametrize(
    "name",
    [
        ".environment.json.a1b2c3d4",
        ".promotion.json.zzzz_123",
        ".study.journal.new",
        "events.jsonl.tmp",
        "checkpoints/t/checkpoint_000000/.checkpoint.ckpt.part",
    ],
)
def test_half_written_files_are_removed(paths, name):
    (paths.folder / name).touch()
    (finding,) = check_folder(paths)
    assert (finding.what, finding.remedy) == (f"{name}: half-written", "removed")
    finding.mend()
    assert said(paths) == []


def test_the_lock_of_a_study_that_nobody_writes_is_removed(paths):
    (paths.folder / "study.journal.lock").symlink_to("nowhere")
    (finding,) = check_folder(paths)
    finding.mend()
    assert said(paths) == []


@pytest.mark.parametrize(
    "name", ["notes.txt", ".vimrc.settings", "mine.tmp", "checkpoints/mine", "checkpoints/t/x.csv"]
)
def test_foreign_files_are_named_and_left_alone(paths, name):
    (paths.folder / name).write_text("mine")
    (finding,) = check_folder(paths)
    assert (finding.what, finding.remedy) == (f"{name}: not of this run", "left alone")
    assert finding.mend is None
    assert finding.harmless
