import pytest

from tuner.estimate.cost import estimate_cost
from tuner.estimate.wall_time import (
    END_S,
    EPOCH_S,
    GPU_START_S,
    START_S,
    TRIAL_S,
    wall_s,
)

FIXED_S = START_S + END_S


def wall(search, slots, epoch_s=1.0):
    return wall_s(search, estimate_cost(search, None, epoch_s - EPOCH_S), slots)


def test_one_slot_trains_one_trial_after_another(make_search):
    assert wall(make_search(), 1) == pytest.approx(FIXED_S + 4 * (4 + TRIAL_S))


def test_slots_share_the_work_and_wait_for_the_last_trial(make_search):
    assert wall(make_search(), 2) == pytest.approx(FIXED_S + 2 * (4 + TRIAL_S) + 1)


def test_no_search_is_shorter_than_its_longest_trial(make_search):
    assert wall(make_search("budget.num_trials=1"), 8, 10.0) == pytest.approx(
        FIXED_S + 40 + TRIAL_S
    )


def test_a_search_waits_for_data_that_take_longer_than_its_start(make_search):
    search = make_search()
    cost = estimate_cost(search, None, 10.0)
    soon, late, later = (wall_s(search, cost, 1, data_s=s) for s in (0.0, START_S / 2, 60.0))
    assert soon == late
    assert later - soon == pytest.approx(60.0 - START_S)


def test_the_budget_ends_a_search(make_search):
    assert wall(make_search("budget.hours=0.01"), 1, 100.0) == pytest.approx(FIXED_S + 36)


def test_what_a_trial_takes_beside_its_epochs_is_measured_on_a_gpu(make_search):
    search = make_search("resources.gpu=0.25")
    cost = estimate_cost(search, None, 10.0)
    usual, slow = (wall_s(search, cost, 1, trial_s) for trial_s in (TRIAL_S, 2.0))
    assert usual > GPU_START_S + END_S
    assert slow - usual == pytest.approx(4 * (2.0 - TRIAL_S))
