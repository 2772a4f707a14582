import json
import shutil
import zipfile

import pytest

from models.errors import UserError
from models.training.ranking import Ranking
from tuner.record.checkpoint_check import check_checkpoints
from tuner.record.events import EventLog, read_events
from tuner.record.paths import RunPaths
from tuner.record.results import read_run

BY_SCORE = Ranking(metric="score", mode="max")


def write(folder, epoch, digest="d1"):
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "checkpoint.ckpt", "w") as file:
        content = {"epoch": epoch, "data": {"digest": digest}, "weights": "0123456789" * 50}
        file.writestr("content", json.dumps(content))


def read(file):
    with zipfile.ZipFile(file) as content:
        return json.loads(content.read("content"))


class Run:
    """One trial whose epochs 1 and 2 are on disk; epoch 2 is the best."""

    def __init__(self, paths, state="done"):
        self.paths = paths
        with EventLog(paths.events_file) as log:
            log.trial("t", 0, {})
            log.start("t")
            for epoch, score in enumerate([0.5, 0.9, 0.7], 1):
                log.report("t", epoch, {"score": score}, f"checkpoints/t/checkpoint_00000{epoch}")
            log.end("t", state)
        for epoch in (1, 2):
            write(self.folder(epoch), epoch)

    def folder(self, epoch):
        return self.paths.trial_checkpoints("t") / f"checkpoint_00000{epoch}"

    def findings(self):
        events = read_events(self.paths.events_file)
        rows = read_run(self.paths).rows
        return list(
            check_checkpoints(self.paths, events, rows, ranking=BY_SCORE, digest="d1", read=read)
        )

    def said(self):
        return [f"{finding.what}: {finding.remedy}" for finding in self.findings()]

    def mend(self):
        for finding in self.findings():
            finding.mend()


@pytest.fixture
def run(tmp_path):
    return Run(RunPaths(tmp_path / "first"))


def test_a_best_checkpoint_that_retention_said_it_dropped_is_not_missed(run):
    """What the trial goes on from was left to it."""
    shutil.rmtree(run.folder(2))
    assert ["gone, the best of trial 0" in line for line in run.said()] == [True]
    with EventLog(run.paths.events_file) as log:
        log.run("running", "deleted all but one", thinned=0)
    assert run.said() == []


def test_what_retention_thinned_out_is_no_mistake(run):
    assert run.said() == []


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_checkpoint_is_set_aside(run, share):
    file = run.folder(2) / "checkpoint.ckpt"
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    assert run.said() == [
        "checkpoints/t/checkpoint_000002 (trial 0, epoch 2): not a whole checkpoint: "
        "set aside as damaged_checkpoint_000002"
    ]
    run.mend()
    assert run.folder(2).with_name("damaged_checkpoint_000002").is_dir()
    assert run.said() == []


def test_a_flipped_bit_is_found(run):
    file = run.folder(2) / "checkpoint.ckpt"
    content = bytearray(file.read_bytes())
    content[200] ^= 1
    file.write_bytes(content)
    assert "its part content differs from its checksum" in run.said()[0]


def test_a_checkpoint_without_its_file_is_set_aside(run):
    (run.folder(2) / "checkpoint.ckpt").unlink()
    assert "without its file" in run.said()[0]


def test_another_file_in_the_place_of_a_checkpoint_is_found(run):
    write(run.folder(2), epoch=7)
    assert "of epoch 7, and the log says 2" in run.said()[0]
    write(run.folder(2), epoch=2, digest="another")
    assert "of other data" in run.said()[0]


def test_what_cannot_be_read_is_told_in_the_reader_s_words(run):
    def refuse(file):
        raise UserError("it could run code")

    events = read_events(run.paths.events_file)
    found = check_checkpoints(
        run.paths, events, read_run(run.paths).rows, ranking=BY_SCORE, digest=None, read=refuse
    )
    assert all("it could run code" in finding.what for finding in found)


def test_the_best_checkpoint_that_is_gone_is_told_with_what_is_left(run):
    for file in run.folder(2).iterdir():
        file.unlink()
    run.folder(2).rmdir()
    (finding,) = run.findings()
    assert finding.mend is None
    assert "gone, the best of trial 0 (epoch 2)" in finding.what
    assert "epochs 1 are left" in finding.remedy


def test_a_trial_that_retention_dropped_needs_no_checkpoint_and_keeps_none(run):
    with EventLog(run.paths.events_file) as log:
        log.run("running", "deleted all", dropped=0)
    assert [line.split(":")[0] for line in run.said()] == [
        "checkpoints/t/checkpoint_000001",
        "checkpoints/t/checkpoint_000002",
    ]
    run.mend()
    assert run.said() == []
    assert list(run.paths.trial_checkpoints("t").iterdir()) == []


def test_a_failed_trial_needs_no_checkpoint(tmp_path):
    run = Run(RunPaths(tmp_path / "second"), state="failed")
    for epoch in (1, 2):
        (run.folder(epoch) / "checkpoint.ckpt").unlink()
        run.folder(epoch).rmdir()
    assert run.said() == []


def test_a_folder_that_no_event_names_is_removed(run):
    write(run.folder(9), 9)
    assert run.said() == ["checkpoints/t/checkpoint_000009: no event names it: removed"]
    run.mend()
    assert not run.folder(9).exists()
    assert run.folder(1).exists()
