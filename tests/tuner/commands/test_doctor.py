import os
import shutil

import pytest

from tuner.cli import main
from tuner.promotion.promotion import promote
from tuner.record.environment import render
from tuner.record.events import EventLog
from tuner.record.liveness import driver_identity
from tuner.record.pins import pin
from tuner.record.results import read_run


def doctor(capsys, *flags):
    capsys.readouterr()
    code = main(["doctor", "first", *flags])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err


@pytest.fixture
def sound(new_run, capsys):
    """A run of which all agrees."""
    run = new_run("first")
    run.trial("a", [0.1, 0.2])
    run.trial("b", [0.5, 0.9, 0.7])
    run.trial("c", [0.8], state="interrupted")
    run.end("finished")
    promote(run.paths)
    code, out, _ = doctor(capsys)
    assert (code, len(out)) == (0, 2)  # it had no study
    assert doctor(capsys) == (0, ["first: all agrees (16 events, 6 checkpoints, 1 promotion)"], "")
    return run


def content(run):
    """Return every file of the run and the presets with what is in it."""
    root = run.paths.folder.parents[1]
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def tear_log(run):
    with run.paths.events_file.open("ab") as file:
        file.write(b'{"event": "sta')


def double_tail(run):
    lines = run.paths.events_file.read_bytes().splitlines(keepends=True)
    run.paths.events_file.write_bytes(b"".join([*lines, *lines[-4:]]))


def damage_line(run):
    lines = run.paths.events_file.read_bytes().splitlines(keepends=True)
    lines[2] = b"???\n"  # the first report of trial a
    run.paths.events_file.write_bytes(b"".join(lines))


def lose_study(run):
    run.paths.study_file.unlink()


def truncate_study(run):
    run.paths.study_file.write_bytes(run.paths.study_file.read_bytes()[:-50])


def truncate_checkpoint(run):
    (file,) = run.paths.checkpoints.glob("b/checkpoint_000002/*")
    file.write_bytes(file.read_bytes()[:-100])


def add_checkpoint(run):
    shutil.copytree(
        run.paths.trial_checkpoints("a") / "checkpoint_000001",
        run.paths.trial_checkpoints("a") / "checkpoint_000009",
    )


def leave_half(run):
    (run.paths.folder / ".promotion.json.a1b2c3d4").write_text("{")


def lose_promotion(run):
    run.paths.promotion_file.unlink()


def lose_preset(run):
    (run.paths.folder.parents[1] / "presets" / "fake" / "first-1.yaml").unlink()


def lose_weights(run):
    shutil.rmtree(run.paths.folder.parents[1] / "presets" / "fake" / "first-1")


def pin_nobody(run):
    pin(run.paths, "a")
    pin(run.paths, "of another run")


def replace_pins(run):
    run.paths.pins.write_text("1, 2")


@pytest.mark.parametrize(
    ("harm", "place"),
    [
        (tear_log, "events.jsonl, line 17: torn after 14 bytes"),
        (double_tail, "events.jsonl, lines 17 to 20"),
        (damage_line, "events.jsonl, line 3: Invalid JSON"),
        (lose_study, "study.journal: missing"),
        (truncate_study, "study.journal: its last line is torn"),
        (truncate_checkpoint, "checkpoints/b/checkpoint_000002"),
        (add_checkpoint, "checkpoints/a/checkpoint_000009: no event names it"),
        (leave_half, ".promotion.json.a1b2c3d4: half-written"),
        (lose_promotion, "first-1.yaml: made of trial 1"),
        (lose_preset, "promotion.json: the preset first-1 of trial 1 is gone"),
        (pin_nobody, "pins/of another run: the run has no such trial"),
        (replace_pins, "pins: not a folder"),
        (lose_weights, "the preset's best checkpoint is gone"),
    ],
)
def test_harm_is_found_with_check_and_mended_without(sound, capsys, harm, place):
    harm(sound)
    before = content(sound)
    code, out, err = doctor(capsys, "--check")
    assert (code, err) == (1, "")
    assert place in out[0] + "".join(out)
    assert "can be " in out[0]
    assert "run it without --check" in out[-1]
    assert content(sound) == before

    code, out, _ = doctor(capsys)
    assert code == 0, out
    assert place in "".join(out)
    assert "all agrees after" in out[-1]
    code, out, _ = doctor(capsys, "--check")
    assert (code, "all agrees (" in out[-1]) == (0, True), out
    assert main(["show", "first"]) == 0


def test_a_checkpoint_is_not_removed_for_a_damaged_line(sound, capsys):
    damage_line(sound)
    _, out, _ = doctor(capsys)
    assert "checkpoint_000001: no event names it: left alone" in out[1]
    assert (sound.paths.trial_checkpoints("a") / "checkpoint_000001").is_dir()


def test_a_trial_whose_beginning_was_damaged_is_known_from_the_study(sound, capsys):
    lines = sound.paths.events_file.read_bytes().splitlines(keepends=True)
    first = next(i for i, line in enumerate(lines) if b'"trial": "b"' in line)
    before = read_run(sound.paths).rows
    sound.paths.events_file.write_bytes(b"".join([*lines[:first], b"???\n", *lines[first + 1 :]]))
    code, out, _ = doctor(capsys)
    assert code == 0
    assert "nothing says what trial 'b' is: made known again from the study" in out[1]
    rows = read_run(sound.paths).rows
    assert [(row.trial, row.number, row.params) for row in rows] == [
        (row.trial, row.number, row.params) for row in before
    ]
    assert [row.curve for row in rows] == [row.curve for row in before]


def test_what_is_left_to_do_is_exit_code_1(sound, capsys):
    shutil.rmtree(sound.paths.trial_checkpoints("a") / "checkpoint_000002")
    for flags in ([], ["--check"]):
        code, out, _ = doctor(capsys, *flags)
        assert code == 1
        assert "the best of trial 0 (epoch 2): restore it from a copy" in out[0]
        assert "0 mended, 1 left to do" in out[-1]


def test_foreign_files_are_named_and_left_alone(sound, capsys):
    (sound.paths.folder / "notes.txt").write_text("mine")
    code, out, _ = doctor(capsys)
    assert (code, out[0]) == (0, "notes.txt: not of this run: left alone")
    assert (sound.paths.folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["environment.json", "presets.yaml"])
def test_what_is_in_no_other_file_has_to_come_from_a_copy(sound, capsys, name):
    (sound.paths.folder / name).write_text("{")
    code, out, _ = doctor(capsys)
    assert code == 1
    assert name in out[0]
    (sound.paths.folder / name).unlink()
    code, out, _ = doctor(capsys)
    assert code == 1


def _drive(run, identity):
    run.paths.environment_file.write_text(render(identity))
    with EventLog(run.paths.events_file) as log:
        log.run("running")


def test_a_run_whose_driver_lives_is_refused(sound, capsys):
    _drive(sound, driver_identity())
    before = content(sound)
    for flags in ([], ["--check"]):
        code, _, err = doctor(capsys, *flags)
        assert code == 2
        assert f"the run 'first' is running (process {os.getpid()} on " in err
    assert content(sound) == before


def test_a_run_on_another_machine_can_only_be_looked_at(sound, capsys):
    _drive(sound, {"host": "elsewhere", "pid": 7})
    code, _, err = doctor(capsys)
    assert code == 2
    assert "look with --check, or mend it on that machine" in err
    assert doctor(capsys, "--check")[0] == 0


def test_a_run_whose_driver_died_is_mended(sound, capsys):
    _drive(sound, {**driver_identity(), "pid": 2**22 + 1})
    with EventLog(sound.paths.events_file) as log:
        log.trial("d", 3, {"lr": 0.9})
        log.start("d")
    code, out, _ = doctor(capsys)
    assert (code, out[0]) == (
        0,
        "study.journal: trial 3 is missing: written again from the event log",
    )
    assert read_run(sound.paths).status == "died"


def test_a_full_disk_is_told_and_leaves_all_as_it_was(sound, capsys, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    tear_log(sound)
    before = content(sound)
    monkeypatch.setattr("models.config_file.os.fsync", full)
    code, _, err = doctor(capsys)
    assert (code, "No space left" in err) == (2, True)
    assert content(sound) == before


def test_confirmations_of_a_run_are_checked_and_mended_with_it(sound, new_run, capsys):
    confirmation = new_run("first/confirmations/2x2-abc")
    confirmation.trial("e", [0.4])
    confirmation.end("finished")
    tear_log(confirmation)
    code, out, _ = doctor(capsys, "--check")
    assert code == 1
    assert out[0].startswith("first: all agrees")
    assert out[-1].startswith("2x2-abc: 0 mended, ")
    code, out, _ = doctor(capsys)
    assert code == 0
    assert out[-1].startswith("2x2-abc: all agrees after ")


def test_a_confirmation_that_goes_on_is_told_and_left_alone(sound, new_run, capsys):
    _drive(new_run("first/confirmations/2x2-abc"), driver_identity())
    code, out, _ = doctor(capsys)
    assert code == 1
    assert out[0].startswith("first: all agrees")
    assert "the run '2x2-abc' is running" in out[1]
