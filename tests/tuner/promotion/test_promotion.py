import json
import shutil

import pytest

import tuner.promotion.pairs
import tuner.promotion.preset_text
import tuner.record.promotions
from models.commands.model_files import find_checkpoint
from models.errors import UserError
from models.presets import find_preset, preset_names
from models.registry import model_spec
from models.training.checkpoints import read_checkpoint
from tuner.cli import main
from tuner.promotion.promotion import promote
from tuner.record.promotions import read_promotions
from tuner.record.results import read_run


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_the_best_become_presets_with_their_checkpoints(fake_run, presets):
    first, second = promote(fake_run.paths, top=2)

    assert (first.row.trial, second.row.trial) == ("b", "c")
    assert names(presets) == ["first-1", "first-1.yaml", "first-2", "first-2.yaml"]
    # save_top_k is 2
    assert names(presets / "first-1") == [
        "README.md",
        "best-score-2-0.9000.ckpt",
        "best-score-3-0.7000.ckpt",
    ]
    preset = find_preset(model_spec("fake"), "first-1")
    assert preset.config.lr == 0.375
    assert preset.config.epochs == 4
    assert [path.resolve() for path in preset.checkpoints] == first.preset.checkpoints
    assert preset.config.description == (
        "lr 0.5 -> 0.375; val/score 0.9000 in the search, not confirmed"
    )


def test_every_checkpoint_is_of_the_epoch_that_its_name_says(fake_run, presets):
    promote(fake_run.paths, top=3)
    for number, trial, epochs in [(1, "b", [2, 3]), (2, "c", [1]), (3, "a", [2, 1])]:
        found = {}
        for path in (presets / f"first-{number}").glob("*.ckpt"):
            _, _, epoch, value = path.stem.split("-")
            content = read_checkpoint(path)
            assert content["trial"] == trial
            assert content["epoch"] == int(epoch)
            assert f"{content['metrics']['val/score']:.4f}" == value
            found[int(epoch)] = content
        assert sorted(found) == sorted(epochs)
        used = find_checkpoint(model_spec("fake"), f"first-{number}", lambda folder: folder)
        assert read_checkpoint(used)["epoch"] == epochs[0]


COST = "objective={metric: val/cost, mode: min}"


def test_less_can_be_better(new_run, make_search, presets):
    run = new_run("r", make_search(COST))
    run.trial("a", [{"val/cost": cost} for cost in (5.0, 3.0, 4.0)])
    run.trial("b", [{"val/cost": cost} for cost in (9.0, 2.0, 8.0)])
    run.trial("c", [{"val/cost": 4.0}])
    promoted = promote(run.paths, top=3)
    assert [(one.row.trial, one.best.epoch) for one in promoted] == [("b", 2), ("a", 2), ("c", 1)]
    assert names(presets / "r-1") == [
        "README.md", "best-cost-2-2.0000.ckpt", "best-cost-3-8.0000.ckpt",
    ]  # fmt: skip
    assert read_checkpoint(presets / "r-1" / "best-cost-3-8.0000.ckpt")["epoch"] == 3
    assert (
        read_checkpoint(find_checkpoint(model_spec("fake"), "r-1", lambda folder: folder))["epoch"]
        == 2
    )


def test_of_equal_epochs_and_trials_the_secondary_value_decides(new_run, presets):
    run = new_run("r")

    def curve(*costs):
        return [{"val/score": 0.0, "val/cost": cost} for cost in costs]

    run.trial("a", curve(19.8, 15.0, 15.0, 17.0))
    run.trial("b", curve(19.8, 13.5, 14.0))
    run.trial("c", curve(15.0))
    promoted = promote(run.paths, top=3)
    assert [(one.row.trial, one.best.epoch) for one in promoted] == [("b", 2), ("a", 3), ("c", 1)]
    used = find_checkpoint(model_spec("fake"), "r-2", lambda folder: folder)
    assert used.name == "best-score-3-0.0000.ckpt"
    card = (presets / "r-1" / "README.md").read_text()
    assert (
        "| `best-score-2-0.0000.ckpt` | val/score 0.0000, val/cost 13.5000 after epoch 2 |" in card
    )


def test_provenance_tells_where_it_comes_from(fake_run):
    (promoted,) = promote(fake_run.paths)
    provenance = find_preset(model_spec("fake"), promoted.preset.name).provenance
    assert provenance["run"] == "first"
    assert provenance["trial"] == {"number": 1, "id": "b", "state": "done", "epochs": 3}
    assert provenance["metric"] == {"name": "val/score", "value": 0.9, "epoch": 2}
    assert provenance["last_value"] == 0.7
    assert provenance["confirmed"] is False
    assert provenance["parent_preset"] == "plain"
    assert provenance["commit"] == "abc"
    assert provenance["data"] == {"digest": "d1"}
    assert len(provenance["space_sha256"]) == len(provenance["search_sha256"]) == 64


def test_the_card_says_what_it_is(fake_run, presets):
    promote(fake_run.paths)
    card = (presets / "first-1" / "README.md").read_text()
    assert card.startswith("# first-1\n")
    assert "Not confirmed on fresh seeds" in card
    assert "python -m models.fake.train --config first-1" in card
    assert (
        "- val/score: 0.9000 after epoch 2, the best one; 0.7000 after epoch 3, the last one\n"
        "- trial 1 of the run `first`, done, 3 epochs trained\n"
    ) in card
    listed = [line for line in card.splitlines() if line.startswith("| `best-")]
    assert listed == [
        "| `best-score-2-0.9000.ckpt` | val/score 0.9000 after epoch 2 |",
        "| `best-score-3-0.7000.ckpt` | val/score 0.7000 after epoch 3 |",
    ]
    settings = {"lr": "0.375", "epochs": "4", "save_top_k": "2"}
    assert all(f"| {key} | {value} |" in card for key, value in settings.items())


def test_a_trial_is_promoted_once(fake_run, presets):
    promote(fake_run.paths)
    (again,) = promote(fake_run.paths)
    assert again.row.trial == "c"
    assert again.preset.name == "first-2"
    assert [entry.trial for entry in read_promotions(fake_run.paths)] == ["b", "c"]
    promote(fake_run.paths)
    with pytest.raises(UserError, match="was promoted already"):
        promote(fake_run.paths)


def test_a_trial_without_its_checkpoint_is_left_out(new_run):
    run = new_run("r")
    run.trial("deleted", [0.9], checkpoints=[])
    run.trial("worse", [0.1, 0.5], checkpoints=[1])
    (promoted,) = promote(run.paths)
    assert promoted.row.trial == "worse"
    assert promoted.best.epoch == 1  # what is promoted is what is on disk


def test_an_interrupted_run_has_winners_too(new_run):
    run = new_run("r")
    run.trial("a", [0.9], state="interrupted")
    run.end("interrupted")
    (promoted,) = promote(run.paths)
    assert promoted.preset.provenance["trial"]["state"] == "interrupted"


def test_a_run_without_winners(new_run):
    run = new_run("r")
    run.trial("a", [0.9], state="failed")
    with pytest.raises(UserError, match="no trial that ended with a checkpoint"):
        promote(run.paths)


def test_a_name_is_that_of_one_preset_and_numbered_for_several(fake_run, presets):
    promote(fake_run.paths, name="best")
    assert names(presets) == ["best", "best.yaml"]
    with pytest.raises(UserError, match="'best' exists already: choose another --name"):
        promote(fake_run.paths, name="best")
    promote(fake_run.paths, top=2, name="good")
    assert names(presets)[2:] == ["good-1", "good-1.yaml", "good-2", "good-2.yaml"]
    with pytest.raises(UserError, match="was promoted already"):
        promote(fake_run.paths, name="other")


@pytest.mark.parametrize(
    ("name", "top", "problem"), [("a/b", 1, "name 'a/b'"), ("a", 0, "--top is 0")]
)
def test_bad_requests(fake_run, name, top, problem):
    with pytest.raises(UserError, match=problem):
        promote(fake_run.paths, name=name, top=top)


@pytest.mark.parametrize("at", ["folder", "preset", "second", "record"])
def test_a_failure_in_the_middle_leaves_nothing(fake_run, presets, monkeypatch, at):
    if at == "folder":
        monkeypatch.setattr(tuner.promotion.pairs.shutil, "copyfile", _disk_full)
    elif at == "preset":
        monkeypatch.setattr(tuner.promotion.preset_text, "render_preset", _disk_full)
    elif at == "second":
        room = [shutil.copyfile] * 2  # for the checkpoints of the first preset

        def copy(*files):
            (room.pop() if room else _disk_full)(*files)

        monkeypatch.setattr(tuner.promotion.pairs.shutil, "copyfile", copy)
    else:
        monkeypatch.setattr(tuner.record.promotions, "write_text", _cannot_write)
    with pytest.raises(UserError, match=r"No space left.*nothing was promoted"):
        promote(fake_run.paths, top=2)
    assert names(presets) == []
    assert read_promotions(fake_run.paths) == []
    monkeypatch.undo()


def test_a_damaged_checkpoint_is_not_promoted(fake_run, presets):
    for file in fake_run.paths.checkpoints.glob("b/*/checkpoint.ckpt"):
        file.write_bytes(b"torn")
    with pytest.raises(
        UserError, match=r"checkpoints/b/checkpoint_000002/checkpoint.ckpt: not a .*checkpoint"
    ):
        promote(fake_run.paths)
    assert names(presets) == []


def test_what_a_crash_left_is_replaced(fake_run, presets):
    promote(fake_run.paths)
    (presets / "first-1.yaml").unlink()  # as if the crash had come before it was written
    fake_run.paths.promotion_file.unlink()
    (promoted,) = promote(fake_run.paths)
    assert promoted.preset.name == "first-1"
    assert find_preset(model_spec("fake"), "first-1").checkpoints


def test_a_folder_of_somebody_else_is_left_alone(fake_run, presets):
    (presets / "first-1").mkdir(parents=True)
    (presets / "first-1" / "notes.txt").write_text("mine")
    (promoted,) = promote(fake_run.paths)
    assert promoted.preset.name == "first-2"
    assert names(presets / "first-1") == ["notes.txt"]


def test_the_record_is_json(fake_run):
    promote(fake_run.paths)
    content = json.loads(fake_run.paths.promotion_file.read_text())
    assert content["promoted"][0]["preset"] == "first-1"
    assert read_run(fake_run.paths).status == "finished"


def test_what_a_killed_promotion_had_finished_counts(fake_run, presets):
    """The first of two presets is there, and the run's record does not know."""
    promote(fake_run.paths, name="good-1")
    fake_run.paths.promotion_file.unlink()
    first, second = promote(fake_run.paths, top=2, name="good")
    assert (first.preset.name, first.row.trial, first.resumed) == ("good-1", "b", True)
    assert (second.preset.name, second.row.trial, second.resumed) == ("good-2", "c", False)
    assert [entry.preset for entry in read_promotions(fake_run.paths)] == ["good-1", "good-2"]


def test_half_a_promotion_is_no_preset_and_gives_way(fake_run, presets):
    promote(fake_run.paths, top=2)
    fake_run.paths.promotion_file.unlink()
    (presets / "first-1.yaml").unlink()
    (presets / ".first-3.part").mkdir()
    assert "first-1" not in preset_names(model_spec("fake"))
    promoted = promote(fake_run.paths, top=2)
    assert {one.preset.name: one.row.trial for one in promoted} == {"first-1": "b", "first-2": "c"}
    assert names(presets) == ["first-1", "first-1.yaml", "first-2", "first-2.yaml"]


def test_a_damaged_record_is_told(fake_run):
    fake_run.paths.promotion_file.write_text('{"promoted": [')
    with pytest.raises(UserError, match="`tuner doctor first` makes it again from the presets"):
        promote(fake_run.paths)


def test_a_failed_trial_is_passed_over_and_named(fake_run, capsys):
    assert main(["promote", "first", "--no_confirm"]) == 0
    assert (
        "passed over: trial 3, val/score 1.5000, failed: a failed trial is never promoted"
        in capsys.readouterr().out
    )


def _cannot_write(path, text):
    raise UserError(f"{path}: cannot be written: No space left on device")


def _disk_full(*arguments, **options):
    raise OSError(28, "No space left on device")


def test_a_broken_preset_file_stands_in_no_way_and_is_not_overwritten(fake_run, presets):
    presets.mkdir(parents=True)
    (presets / "first-1.yaml").write_text("x: [\n")
    (promoted,) = promote(fake_run.paths)
    assert promoted.preset.name == "first-2"
    assert (presets / "first-1.yaml").read_text() == "x: [\n"


def test_a_value_by_a_part_of_the_validation_rows_is_told_as_such(
    new_run, make_search, presets, capsys
):
    run = new_run("part", make_search("scheduler.val_rows=20"))
    run.trial("a", [{"val/score": 0.5, "val_all/score": 0.4}])
    run.trial("b", [0.3], state="stopped")
    run.end("finished")
    assert main(["promote", "part", "--top", "2", "--no_confirm"]) == 0
    whole = "val/score 0.5000 by 20 of the validation rows (0.4000 by all of them"
    out = capsys.readouterr().out
    assert whole in out
    assert "val/score 0.3000 by 20 of the validation rows after epoch 1" in out
    preset = find_preset(model_spec("fake"), "part-1")
    assert whole in preset.config.description
    assert preset.provenance["metric"]["val_rows"] == 20
    assert preset.provenance["metric"]["all_rows"] == 0.4
    (card,) = (presets / "part-1").glob("*.md")
    assert whole in card.read_text()
    assert "compared trials by 20 of the validation rows" in card.read_text()


def test_a_value_by_all_validation_rows_says_nothing_of_rows(fake_run, presets, capsys):
    assert main(["promote", "first", "--no_confirm"]) == 0
    preset = find_preset(model_spec("fake"), "first-1")
    assert "validation rows" not in capsys.readouterr().out + preset.config.description
    assert set(preset.provenance["metric"]) == {"name", "value", "epoch"}
