from dataclasses import replace

import pytest

from models.errors import UserError
from models.presets import find_preset
from tuner.promotion.contenders import contenders, to_beat
from tuner.promotion.requests import Request, aimed_at
from tuner.record.results import read_run
from tuner.search.blocks import Objective
from tuner.search.loading import load_search


@pytest.fixture
def run(new_run, make_search):
    run = new_run("r", make_search("space.peak={choice: [0, 4]}"))
    for name, lr, peak, value in [
        ("a", 0.9, 0, 3.5),
        ("b", 0.9, 0, 3.6),  # the settings of a, and better
        ("c", 0.5, 0, 9.0),  # the preset to beat
        ("d", 0.8, 0, 3.2),
        ("e", 0.5, 4, 2.0),
    ]:
        run.trial(name, [value], params={"lr": lr, "peak": peak})
    run.trial("f", [99.0], params={"lr": 0.95, "peak": 0}, state="failed")
    return run


def chosen(run, search, request, baseline=None):
    found, said = contenders(read_run(run.paths), search, baseline or to_beat(search), request)
    return [one.name for one in found], said


def test_equal_settings_count_once_and_the_preset_to_beat_does_not(run, make_search):
    search = make_search("space.peak={choice: [0, 4]}")
    found, said = chosen(run, search, Request(top=3))
    assert found == ["trial 1", "trial 3", "trial 4"]
    assert said == [
        "trial 2 has the settings of plain, which count once",
        "trial 0 has the settings of trial 1, which count once",
    ]
    assert chosen(run, search, Request(top=1))[0] == ["trial 1"]
    assert chosen(run, search, Request(trials=(4, 3)))[0] == ["trial 4", "trial 3"]
    with pytest.raises(UserError, match="is left to confirm: trial 2 has the settings of plain"):
        chosen(run, search, Request(trials=(2,)))


def test_another_preset_is_trained_at_the_length_of_the_trials(make_search):
    search = make_search()
    quick = find_preset(search.spec, "quick")
    assert quick.config.epochs == 2
    baseline = to_beat(search, quick)
    assert (baseline.name, baseline.config.epochs, baseline.config.lr) == ("quick", 4, 0.25)


def test_a_metric_that_means_another_thing_is_refused():
    search = load_search("grammar_vae/quickstart")
    with pytest.raises(UserError, match="val/loss cannot compare trials while beta is searched"):
        aimed_at(search, "val/loss")


def test_a_preset_that_differs_in_what_the_metric_is_made_of_is_refused(new_run):
    search = load_search("grammar_vae/quickstart")
    run = new_run("r", search)
    run.trial("a", [{"val/loss": 9.0, "val/seq_acc": 0.5}], params={"lr": 0.002, "beta": 0.02})
    by_loss = replace(search, objectives=(Objective(metric="val/loss", mode="min"),))
    with pytest.raises(UserError, match="val/loss cannot compare minimal with the trials, which"):
        chosen(run, by_loss, Request())
    assert chosen(run, search, Request())[0] == ["trial 0"]


def test_a_run_without_values(new_run, make_search):
    run = new_run("r")
    run.trial("a", [], state="interrupted")
    with pytest.raises(UserError, match="no trial that ended with a value"):
        chosen(run, make_search(), Request())
