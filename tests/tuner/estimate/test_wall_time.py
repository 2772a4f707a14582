import pytest

from tuner.estimate.cost import estimate_cost
from tuner.estimate.wall_time import (
    END_S,
    EPOCH_S,
    GPU_START_S,
    START_S,
    TRIAL_S,
    Pace,
    relief,
    wall_s,
)

FIXED_S = START_S + END_S


def wall(search, slots, epoch_s=1.0):
    rows = search.spec.describe_cost(search.base_config, None).rows_per_epoch
    speed = rows / (epoch_s - EPOCH_S)  # training alone
    return wall_s(search, estimate_cost(search, None, speed), slots, Pace(rows_per_s=speed))


def test_one_slot_trains_one_trial_after_another(make_search):
    assert wall(make_search(), 1) == pytest.approx(FIXED_S + 4 * (4 + TRIAL_S))


def test_slots_share_the_work_and_wait_for_the_last_trial(make_search):
    assert wall(make_search(), 2) == pytest.approx(FIXED_S + 2 * (4 + TRIAL_S) + 1)


def test_no_search_is_shorter_than_its_longest_trial(make_search):
    assert wall(make_search("budget.num_trials=1"), 8, 10.0) == pytest.approx(
        FIXED_S + 40 + TRIAL_S
    )


def test_the_budget_ends_a_search(make_search):
    assert wall(make_search("budget.hours=0.01"), 1, 100.0) == pytest.approx(FIXED_S + 36)


def test_what_a_trial_takes_beside_its_epochs_is_measured_on_a_gpu(make_search):
    search = make_search("resources.gpu=0.25")
    cost = estimate_cost(search, None, 10.0)
    usual, slow = (
        wall_s(search, cost, 1, Pace(rows_per_s=10.0, trial_s=trial_s)) for trial_s in (0.05, 2.0)
    )
    assert usual > GPU_START_S + END_S
    assert slow - usual == pytest.approx(4 * (2.0 - 0.05))


def pace(gain, trial_s=2.0, num_on_card=8):
    return Pace(rows_per_s=1.0, trial_s=trial_s, num_on_card=num_on_card, gain=gain)


def test_trials_that_share_nothing_are_not_relieved():
    assert relief(pace(8.0), 10.0) == 1.0
    assert relief(pace(1.0, num_on_card=1), 10.0) == 1.0


def test_a_card_that_is_used_up_does_not_wait_for_a_trial_that_begins():
    # Then eight trials take as long as their training alone, which one after another takes 10 / 8.
    part = relief(pace(1.0), 10.0)
    assert part * 10.0 + 2.0 == pytest.approx(10.0, rel=0.01)


def test_a_card_that_is_not_used_up_waits_in_part():
    # 150, 240, 320 and 353 thousand rows/s of 1, 2, 4 and 8 trials, as measured on an H100.
    part = relief(pace(353 / 150), 10.0)
    training = 8 * part * 10.0 / (part * 10.0 + 2.0)
    assert 6 < training < 7
    assert 0.8 < part < 1
    assert part * 10.0 / training * 8 == pytest.approx(10.0 * 353 / 341, rel=0.03)


def test_trials_that_take_nothing_beside_their_epochs_give_no_relief():
    assert relief(pace(2.0, trial_s=0.0), 10.0) == pytest.approx(1.0)
