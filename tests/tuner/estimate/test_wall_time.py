import pytest

from tuner.estimate.cost import estimate_cost
from tuner.estimate.wall_time import END_S, EPOCH_S, GPU_START_S, START_S, wall_s
from tuner.search.pace import TRIAL_S, Pace

FIXED_S = START_S + END_S


def wall(search, slots, *epochs_s, data_s=0.0, **pace):
    cost = estimate_cost(search, None)
    epochs = [seconds - EPOCH_S for seconds in epochs_s or [1.0]]
    return wall_s(search, cost, Pace(epochs_s=epochs, **pace), slots, data_s)


def test_one_slot_trains_one_trial_after_another(make_search):
    assert wall(make_search(), 1) == pytest.approx(FIXED_S + 4 * (4 + TRIAL_S))


def test_slots_share_the_work(make_search):
    assert wall(make_search(), 2) == pytest.approx(FIXED_S + 2 * (4 + TRIAL_S))


def test_slots_wait_for_the_last_trial(make_search):
    assert wall(make_search("budget.num_trials=5"), 2) == pytest.approx(FIXED_S + 3 * (4 + TRIAL_S))


def test_trials_are_as_fast_as_the_points_that_were_measured(make_search):
    seconds = wall(make_search("budget.num_trials=2"), 2, 1.0, 3.0)
    assert seconds == pytest.approx(FIXED_S + 4 * 3.0 + TRIAL_S)


def test_no_search_is_shorter_than_its_longest_trial(make_search):
    assert wall(make_search("budget.num_trials=1"), 8, 10.0) == pytest.approx(
        FIXED_S + 40 + TRIAL_S
    )


def test_trials_that_are_stopped_leave_their_slots_to_others(make_search):
    asha = "scheduler={name: asha, max_epochs: 16, grace_epochs: 2, reduction_factor: 4}"
    search = make_search("budget.num_trials=40", asha)
    work_s = estimate_cost(search, None).expected_epochs + 40 * TRIAL_S
    in_turn, side_by_side = wall(search, 1) - FIXED_S, wall(search, 4) - FIXED_S
    assert in_turn == pytest.approx(work_s, rel=0.03)
    assert work_s / 4 < side_by_side < work_s / 4 + 16


def test_the_last_trials_of_a_card_get_faster(make_search):
    search = make_search("budget.num_trials=3")
    assert wall(search, 2, alone=0.5) == pytest.approx(FIXED_S + 1.5 * (4 + TRIAL_S))


def test_a_search_waits_for_data_that_take_longer_than_its_start(make_search):
    search = make_search()
    soon, late, later = (wall(search, 1, data_s=s) for s in (0.0, START_S / 2, 60.0))
    assert soon == late
    assert later - soon == pytest.approx(60.0 - START_S)


def test_the_budget_ends_a_search(make_search):
    assert wall(make_search("budget.hours=0.01"), 1, 100.0) == pytest.approx(FIXED_S + 36)


def test_what_a_trial_takes_beside_its_epochs_is_measured_on_a_gpu(make_search):
    search = make_search("resources.gpu=0.25")
    usual, slow = (wall(search, 1, trial_s=trial_s) for trial_s in (TRIAL_S, 2.0))
    assert usual > GPU_START_S + END_S
    assert slow - usual == pytest.approx(4 * (2.0 - TRIAL_S))
