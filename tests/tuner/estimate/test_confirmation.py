import pytest

from tuner.estimate.confirmation import alone_share, confirmation_cost, seconds_per_epoch
from tuner.estimate.wall_time import END_S, GPU_START_S, START_S


def test_epochs_and_hours_of_all_trainings():
    cost = confirmation_cost([36.0, 72.0, None], max_epochs=100, gpu=0.25)
    assert (cost.trainings, cost.epochs, cost.works_s) == (3, 300, (3600.0, 7200.0, 5400.0))
    assert cost.hours == pytest.approx(1 + 2 + 1.5)  # a preset takes what is usual
    assert cost.gpu_hours == pytest.approx(4.5 / 4)
    assert cost.guessed == 1


@pytest.mark.parametrize(
    ("slots", "gpu", "wall_s"),
    [
        (1, 0.0, START_S + 60 + END_S),
        (2, 0.0, START_S + 30 + END_S),
        (5, 0.0, START_S + 15 + END_S),  # two are left for the last round
        (99, 0.0, START_S + 5 + END_S),
        (1, 1.0, GPU_START_S + 60 + END_S),
    ],
)
def test_trainings_side_by_side(slots, gpu, wall_s):
    assert confirmation_cost([5.0] * 12, 1, gpu).wall_s(slots) == pytest.approx(wall_s)


def test_trainings_begin_in_their_order():
    cost = confirmation_cost([1.0, None, 3.0, 9.0], 1, 0.0)
    # 0-1 and 1-4 in one slot, 0-3 and 3-12 in the other: the longest is the last to begin.
    assert cost.wall_s(2) == pytest.approx(START_S + 12 + END_S)


def test_trainings_that_leave_a_card_to_few_are_faster_than_those_that_were_timed():
    measured = {"1": 1000.0, "2": 1800.0, "4": 2000.0}
    alone = alone_share(measured, 0.25)
    assert alone == 0.5  # four take twice as long as one
    assert confirmation_cost([8.0], 1, 0.25, alone).wall_s(4) == pytest.approx(
        GPU_START_S + 4 + END_S
    )
    assert [alone_share({}, 0.25), alone_share(measured, 0.125), alone_share(measured, 1.0)] == [
        1.0,
        1.0,
        1.0,
    ]


def test_no_time_is_made_up():
    cost = confirmation_cost([None, None], max_epochs=10, gpu=1.0)
    assert (cost.hours, cost.gpu_hours, cost.wall_s(2), cost.epochs) == (None, 0.0, None, 20)


def test_a_trial_without_an_epoch_has_no_speed(fake_run):
    from tuner.record.results import read_run

    fake_run.trial("e", [], state="failed")
    assert sorted(seconds_per_epoch(read_run(fake_run.paths).rows)) == [0, 1, 2, 3]
