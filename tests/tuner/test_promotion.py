import json

import pytest

import tuner.promotion
from models.checkpoints import write_checkpoint
from models.errors import UserError
from models.presets import find_preset
from tuner.config import write_search
from tuner.environment import render
from tuner.events import EventLog
from tuner.paths import RunPaths
from tuner.promotion import promote
from tuner.promotion_record import read_promotions
from tuner.results import read_run


class FakeRun:
    """Writes what a search leaves behind, without running one."""

    def __init__(self, paths, search):
        self.paths = paths
        paths.folder.mkdir(parents=True)
        write_search(search, paths)
        environment = {"commit": "abc", "dirty": True, "data": {"digest": "d1"}, "seeds": {"x": 1}}
        paths.environment_file.write_text(render(environment))
        self.number = 0

    def trial(self, name, values, state="done", checkpoints=None):
        with EventLog(self.paths.events_file) as log:
            log.trial(name, self.number, {"lr": 0.25 + self.number / 8})
            self.number += 1
            log.start(name)
            for epoch, value in enumerate(values, 1):
                folder = f"checkpoints/{name}/checkpoint_{epoch:06d}"
                log.report(name, epoch, {"val/score": value}, folder)
                if checkpoints is None or epoch in checkpoints:
                    file = self.paths.folder / folder / "checkpoint.ckpt"
                    write_checkpoint(file, {"epoch": epoch})
            log.end(name, state)

    def end(self, status):
        with EventLog(self.paths.events_file) as log:
            log.run(status)


@pytest.fixture
def fake_run(make_search, tmp_path):
    """A run of four trials, in the order b, c, a by value; the failed one was the best."""
    run = FakeRun(RunPaths(tmp_path / "runs" / "first"), make_search())
    run.trial("a", [0.1, 0.2])
    run.trial("b", [0.5, 0.9, 0.7])
    run.trial("c", [0.8], state="stopped")
    run.trial("d", [1.5], state="failed")
    run.end("finished")
    return run


@pytest.fixture
def presets(tmp_path):
    return tmp_path / "presets" / "fake"


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_the_best_become_presets_with_their_checkpoints(fake_run, presets):
    first, second = promote(fake_run.paths, top=2, confirm=False)

    assert (first.row.trial, second.row.trial) == ("b", "c")
    assert names(presets) == ["first-1", "first-1.yaml", "first-2", "first-2.yaml"]
    # save_top_k is 2
    assert names(presets / "first-1") == [
        "README.md",
        "best-score-2-0.9000.ckpt",
        "best-score-3-0.7000.ckpt",
    ]
    preset = find_preset("fake", "first-1")
    assert preset.config.lr == 0.375
    assert preset.config.epochs == 4
    assert [path.resolve() for path in preset.checkpoints] == first.preset.checkpoints
    assert "trial 1 of run first: val/score 0.9000" in preset.config.description


def test_provenance_tells_where_it_comes_from(fake_run):
    (promoted,) = promote(fake_run.paths, confirm=False)
    provenance = find_preset("fake", promoted.preset.name).provenance
    assert provenance["run"] == "first"
    assert provenance["trial"] == {"number": 1, "id": "b", "state": "done", "epochs": 3}
    assert provenance["metric"] == {"name": "val/score", "value": 0.9, "epoch": 2}
    assert provenance["confirmed"] is False
    assert provenance["parent_preset"] == "plain"
    assert provenance["commit"] == "abc"
    assert provenance["data"] == {"digest": "d1"}
    assert len(provenance["space_sha256"]) == len(provenance["search_sha256"]) == 64


def test_the_card_says_what_it_is(fake_run, presets):
    promote(fake_run.paths, confirm=False)
    card = (presets / "first-1" / "README.md").read_text()
    assert card.startswith("# first-1\n")
    assert "Not confirmed on fresh seeds" in card
    assert "python -m models.fake.train --config first-1" in card


def test_a_confirmation_is_written_down(fake_run):
    (promoted,) = promote(fake_run.paths, confirmation={"mean": 0.88, "seeds": [1, 2, 3]})
    provenance = find_preset("fake", promoted.preset.name).provenance
    assert provenance["confirmed"] is True
    assert provenance["confirmation"] == {"mean": 0.88, "seeds": [1, 2, 3]}


def test_confirming_is_not_there_yet(fake_run, presets):
    with pytest.raises(UserError, match="pass --no_confirm"):
        promote(fake_run.paths)
    assert names(presets) == []


def test_a_trial_is_promoted_once(fake_run, presets):
    promote(fake_run.paths, confirm=False)
    (again,) = promote(fake_run.paths, confirm=False)
    assert again.row.trial == "c"
    assert again.preset.name == "first-2"
    assert [entry.trial for entry in read_promotions(fake_run.paths)] == ["b", "c"]
    promote(fake_run.paths, confirm=False)
    with pytest.raises(UserError, match="was promoted already"):
        promote(fake_run.paths, confirm=False)


def test_a_trial_without_its_checkpoint_is_left_out(make_search, tmp_path):
    run = FakeRun(RunPaths(tmp_path / "runs" / "r"), make_search())
    run.trial("deleted", [0.9], checkpoints=[])
    run.trial("worse", [0.1, 0.5], checkpoints=[1])
    (promoted,) = promote(run.paths, confirm=False)
    assert promoted.row.trial == "worse"
    assert promoted.best.epoch == 1  # what is promoted is what is on disk


def test_an_interrupted_run_has_winners_too(make_search, tmp_path):
    run = FakeRun(RunPaths(tmp_path / "runs" / "r"), make_search())
    run.trial("a", [0.9], state="interrupted")
    run.end("interrupted")
    (promoted,) = promote(run.paths, confirm=False)
    assert promoted.preset.provenance["trial"]["state"] == "interrupted"


def test_a_run_without_winners(make_search, tmp_path):
    run = FakeRun(RunPaths(tmp_path / "runs" / "r"), make_search())
    run.trial("a", [0.9], state="failed")
    with pytest.raises(UserError, match="no trial that ended with a checkpoint"):
        promote(run.paths, confirm=False)


def test_a_prefix_names_the_presets(fake_run, presets):
    promote(fake_run.paths, top=2, prefix="good", confirm=False)
    assert names(presets) == ["good-1", "good-1.yaml", "good-2", "good-2.yaml"]
    with pytest.raises(UserError, match="'good-1' exists already: choose another --prefix"):
        promote(fake_run.paths, prefix="good", confirm=False)


@pytest.mark.parametrize(
    ("prefix", "top", "problem"), [("a/b", 1, "name 'a/b'"), ("a", 0, "--top is 0")]
)
def test_bad_requests(fake_run, prefix, top, problem):
    with pytest.raises(UserError, match=problem):
        promote(fake_run.paths, prefix=prefix, top=top, confirm=False)


@pytest.mark.parametrize("at", ["folder", "preset"])
def test_a_failure_in_the_middle_leaves_nothing(fake_run, presets, monkeypatch, at):
    if at == "folder":
        monkeypatch.setattr(tuner.promotion.shutil, "copyfile", _disk_full)
    else:
        monkeypatch.setattr(tuner.promotion, "render_preset", _disk_full)
    with pytest.raises(UserError, match=r"No space left.*nothing was promoted"):
        promote(fake_run.paths, confirm=False)
    assert names(presets) == []
    assert read_promotions(fake_run.paths) == []
    monkeypatch.undo()


def test_a_damaged_checkpoint_is_not_promoted(fake_run, presets):
    for file in fake_run.paths.checkpoints.glob("b/*/checkpoint.ckpt"):
        file.write_bytes(b"torn")
    with pytest.raises(
        UserError, match=r"checkpoints/b/checkpoint_000002/checkpoint.ckpt: not a .*checkpoint"
    ):
        promote(fake_run.paths, confirm=False)
    assert names(presets) == []


def test_what_a_crash_left_is_replaced(fake_run, presets):
    promote(fake_run.paths, confirm=False)
    (presets / "first-1.yaml").unlink()  # as if the crash had come before it was written
    fake_run.paths.promotion_file.unlink()
    (promoted,) = promote(fake_run.paths, confirm=False)
    assert promoted.preset.name == "first-1"
    assert find_preset("fake", "first-1").checkpoints


def test_a_folder_of_somebody_else_is_left_alone(fake_run, presets):
    (presets / "first-1").mkdir(parents=True)
    (presets / "first-1" / "notes.txt").write_text("mine")
    (promoted,) = promote(fake_run.paths, confirm=False)
    assert promoted.preset.name == "first-2"
    assert names(presets / "first-1") == ["notes.txt"]


def test_the_record_is_json(fake_run):
    promote(fake_run.paths, confirm=False)
    content = json.loads(fake_run.paths.promotion_file.read_text())
    assert content["promoted"][0]["preset"] == "first-1"
    assert read_run(fake_run.paths).status == "finished"


def _disk_full(*arguments, **options):
    raise OSError(28, "No space left on device")


def test_a_broken_preset_file_stands_in_no_way_and_is_not_overwritten(fake_run, presets):
    presets.mkdir(parents=True)
    (presets / "first-1.yaml").write_text("x: [\n")
    (promoted,) = promote(fake_run.paths, confirm=False)
    assert promoted.preset.name == "first-2"
    assert (presets / "first-1.yaml").read_text() == "x: [\n"
