"""Which trials are promoted: by number, by another metric, along the Pareto front."""

import pytest

from models.errors import UserError
from tuner.promotion.promotion import promote

TWO = "objective=[{metric: val/score}, {metric: val/cost}]"


def both(score, cost):
    return {"val/score": score, "val/cost": cost}


def test_trials_by_number_come_as_they_are_asked_for(fake_run):
    promoted = promote(fake_run.paths, trials=[0, 2], name="mine")
    assert [(one.preset.name, one.row.number) for one in promoted] == [("mine-1", 0), ("mine-2", 2)]
    with pytest.raises(UserError, match="trial 2 was promoted already, as mine-2"):
        promote(fake_run.paths, trials=[2])


@pytest.mark.parametrize(
    ("trials", "said"),
    [
        ([9], "has 4 trials, and none is 9"),
        ([3], "--trial 3: it is failed"),
        ([1, 1], "names a trial twice"),
    ],
)
def test_trials_that_cannot_be(fake_run, trials, said):
    with pytest.raises(UserError, match=said):
        promote(fake_run.paths, trials=trials)


def test_a_trial_without_checkpoints_is_told(new_run):
    run = new_run("r")
    run.trial("a", [0.9], checkpoints=[])
    with pytest.raises(UserError, match="a confirmation trains them again"):
        promote(run.paths, trials=[0])


def test_another_metric_ranks(new_run):
    run = new_run("r")
    run.trial("a", [both(0.9, 3.0), both(0.8, 2.0)])
    run.trial("b", [both(0.5, 1.0)])
    (promoted,) = promote(run.paths, objective="val/cost")
    assert promoted.row.trial == "b"
    assert promoted.preset.provenance["metric"] == {"name": "val/cost", "value": 1.0, "epoch": 1}
    assert [path.name for path in promoted.preset.checkpoints] == ["best-cost-1-1.0000.ckpt"]
    with pytest.raises(UserError, match="unknown metric of fake 'val/scor'"):
        promote(run.paths, objective="val/scor")


def test_of_several_objectives_the_front_is_promoted(new_run, make_search):
    run = new_run("r", make_search(TWO))
    run.trial("cheap", [both(0.2, 1.0)])
    run.trial("beaten", [both(0.8, 9.0)])
    run.trial("good", [both(0.9, 8.0)])
    run.trial("middle", [both(0.5, 2.0)])
    promoted = promote(run.paths, top=4)
    assert [one.row.trial for one in promoted] == ["good", "middle", "cheap"]
