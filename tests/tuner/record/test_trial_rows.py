import math
from dataclasses import replace
from pathlib import Path

import pytest

from models.training.ranking import Ranking
from tuner.errors import RunCorrupt
from tuner.record.events import RunChanged, TrialCreated, TrialEnded, TrialReported, TrialStarted
from tuner.record.trial_rows import fold_trials

SOURCE = Path("events.jsonl")
MOST = Ranking(metric="acc", mode="max", secondary="elbo")
LEAST = Ranking(metric="acc", mode="min")


def created(trial="t", number=0, time=0.0, **params):
    return TrialCreated(trial=trial, number=number, params=params, time=time)


def started(trial="t", time=0.0):
    return TrialStarted(trial=trial, time=time, node="host")


def reported(epoch, value, time=0.0, trial="t", checkpoint=None):
    return TrialReported(
        trial=trial, epoch=epoch, metrics={"acc": value}, time=time, checkpoint=checkpoint
    )


def ended(state, time=0.0, cause=None, message=None, trial="t"):
    return TrialEnded(trial=trial, state=state, time=time, cause=cause, message=message)


def fold(*events):
    return fold_trials(events, SOURCE)


def test_new_trial_is_queued():
    (row,) = fold(created(beta=0.1))
    assert (row.state, row.params, row.num_epochs, row.last_metrics) == (
        "queued",
        {"beta": 0.1},
        0,
        {},
    )
    assert row.best(MOST) is None


def test_states_follow_the_events():
    story = [created(), started(), reported(1, 0.5), ended("stopped", cause="rung 1")]
    states = [fold(*story[:length])[0].state for length in range(1, 5)]
    assert states == ["queued", "running", "running", "stopped"]
    assert fold(*story)[0].cause == "rung 1"


@pytest.mark.parametrize("hour", [-3600.0, 3600.0])
def test_a_clock_that_is_set_meanwhile_changes_no_duration(hour):
    """The time of day jumps by an hour between two epochs."""
    story = [
        created(),
        replace(started(time=100.0), elapsed_s=5.0),
        replace(reported(1, 0.5, time=110.0), elapsed_s=15.0),
        replace(reported(2, 0.5, time=120.0 + hour), elapsed_s=25.0),
        replace(ended("done", time=125.0 + hour), elapsed_s=30.0),
    ]
    (row,) = fold(*story)
    assert row.duration_s == 25.0


def test_rows_are_in_the_order_of_drawing():
    rows = fold(created("b", 1), created("a", 0), RunChanged(status="running", time=0.0))
    assert [row.trial for row in rows] == ["a", "b"]


def test_best_epoch_is_the_last_with_the_best_finite_value():
    values = [0.2, math.nan, 0.9, 0.9, math.inf, 0.1]
    (row,) = fold(created(), started(), *(reported(i, v) for i, v in enumerate(values, 1)))
    assert row.best(MOST).epoch == 4
    assert row.best(LEAST).epoch == 6
    assert row.best(Ranking(metric="loss", mode="min")) is None


def test_of_epochs_with_equal_values_the_secondary_metric_decides():
    points = [
        TrialReported(trial="t", epoch=epoch, metrics={"acc": 0.0, "elbo": elbo}, time=0.0)
        for epoch, elbo in enumerate([-19.8, -13.5, -14.0], 1)
    ]
    (row,) = fold(created(), started(), *points)
    assert row.best(MOST).epoch == 2
    assert row.cost(MOST) == (0.0, 13.5, -2)


def test_trial_without_a_value_stands_behind_all_others():
    without, low = fold(created("a"), created("b", 1), started("b"), reported(1, -1e9, trial="b"))
    assert low.cost(MOST) < without.cost(MOST)


def test_epochs_that_are_trained_again_replace_the_old_ones():
    (row,) = fold(
        created(),
        started(),
        *(reported(epoch, 0.9) for epoch in (1, 2, 3)),
        started(),
        reported(2, 0.5),
    )
    assert [(p.epoch, p.metrics["acc"]) for p in row.curve] == [(1, 0.9), (2, 0.5)]
    assert row.num_starts == 2
    assert row.num_epochs == 2


def test_resumed_trial_is_running_again_without_its_old_cause():
    (row,) = fold(
        created(), started(), ended("failed", cause="lost", message="node died"), started()
    )
    assert (row.state, row.cause, row.message) == ("running", None, None)


def test_trial_drawn_again_keeps_what_it_reported():
    (row,) = fold(created(), started(), reported(1, 0.5), ended("interrupted"), created())
    assert (row.state, row.num_epochs) == ("queued", 1)


def test_duration_leaves_pauses_out():
    (row,) = fold(
        created(time=0.0),
        started(time=10.0),
        reported(1, 0.5, time=14.0),  # 4 s, then killed; what followed is unknown
        started(time=100.0),
        reported(2, 0.6, time=103.0),
        ended("done", time=104.0),
    )
    assert row.duration_s == 8.0


def test_checkpoints_are_the_points_that_wrote_one():
    (row,) = fold(created(), started(), reported(1, 0.1), reported(2, 0.2, checkpoint="c/2"))
    assert [point.epoch for point in row.checkpoints] == [2]


def test_event_of_an_unknown_trial_is_corrupt():
    with pytest.raises(RunCorrupt, match=r"line 2: the trial 'x' was not created"):
        fold(created(), started("x"))
