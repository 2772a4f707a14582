import json
import re

import pytest

from tuner.cli import main
from tuner.record.pins import read_pins


def tuner(capsys, *words):
    capsys.readouterr()
    code = main([*words])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_trial_is_pinned_and_shown_as_pinned(fake_run, capsys):
    code, out, _ = tuner(capsys, "pin", "first", "1")
    assert (code, read_pins(fake_run.paths)) == (0, {"b"})
    assert re.match(
        r"trial 1 of first is pinned: its checkpoints of epochs 1, 2, 3 take \S+ MB", out
    )
    assert "was pinned before" in tuner(capsys, "pin", "first", "1")[1]
    _, out, _ = tuner(capsys, "show", "first")
    assert [" done, pinned " in line for line in out.splitlines() if " lr=" in line].count(
        True
    ) == 1
    assert "(b): done, pinned, 3 epochs" in tuner(capsys, "show", "first", "--trial", "1")[1]
    shown = json.loads(tuner(capsys, "show", "first", "--json")[1])["trials"]
    assert [one["trial"] for one in shown if one["pinned"]] == ["b"]
    assert json.loads(tuner(capsys, "show", "first", "--trial", "1", "--json")[1])["pinned"]


def test_a_pin_is_taken_away(fake_run, capsys):
    tuner(capsys, "pin", "first", "1")
    code, out, _ = tuner(capsys, "pin", "first", "1", "--remove")
    assert (code, read_pins(fake_run.paths)) == (0, set())
    assert "trial 1 of first is pinned no longer" in out
    assert "was not pinned" in tuner(capsys, "pin", "first", "1", "--remove")[1]


def test_a_trial_without_checkpoints_cannot_be_pinned(new_run, capsys):
    run = new_run("first")
    run.trial("a", [0.1, 0.2], checkpoints=())
    run.end("finished")
    code, _, err = tuner(capsys, "pin", "first", "0")
    assert (code, read_pins(run.paths)) == (2, set())
    assert "trial 0 of first (done) has no checkpoints on disk" in err


@pytest.mark.usefixtures("fake_run")
@pytest.mark.parametrize(
    ("words", "said"),
    [(["other", "1"], "first"), (["first", "7"], "has 4 trials, and none is 7")],
)
def test_what_is_not_there_cannot_be_pinned(capsys, words, said):
    code, _, err = tuner(capsys, "pin", *words)
    assert code == 2
    assert said in err


def test_a_folder_that_takes_nothing_is_told(fake_run, capsys):
    fake_run.paths.pins.write_text("")
    code, _, err = tuner(capsys, "pin", "first", "1")
    assert code == 2
    assert "pins" in err
    assert "Traceback" not in err
