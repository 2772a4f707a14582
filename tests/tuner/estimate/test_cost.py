import math
import statistics
from dataclasses import replace

import numpy as np
import pytest

from models.errors import UserError
from models.training.contracts import ModelCost
from tuner.estimate.cost import (
    checkpoint_gb,
    corner_costs,
    estimate_cost,
    expected_epochs,
    expected_survivors,
    trials_at_rungs,
)
from tuner.search.blocks import Budget, Keep, SchedulerConfig
from tuner.search.loading import load_search

ASHA = SchedulerConfig(max_epochs=100, grace_epochs=5, reduction_factor=3.0)
FIFO = SchedulerConfig(name="fifo", max_epochs=100)


def describe(config, dataset=None):
    """A cost that is easy to reckon: parameters are layers times the kernels' sum."""
    parameters = config.encoder_conv_layers * sum(config.kernels)
    return ModelCost(
        num_parameters=parameters,
        checkpoint_mb=parameters / 10,
        memory_mb=float(config.batch_size),
        rows_per_epoch=1000,
    )


@pytest.fixture
def search(monkeypatch):
    loaded = load_search("grammar_vae/beta_annealing")
    fake = replace(loaded.spec, describe_cost=describe)
    monkeypatch.setattr("tuner.search.search.model_spec", lambda _: fake)
    return loaded


def simulated_survivors(num_trials, factor, num_plays):
    """Play one rung of the stopping variant of ASHA, as Ray decides it, all plays at once."""
    values = np.random.default_rng(0).random((num_plays, num_trials))
    survivors = np.ones(num_plays)  # the first goes on
    for number in range(1, num_trials):
        cutoffs = np.percentile(values[:, :number], (1 - 1 / factor) * 100, axis=1)
        survivors += values[:, number] >= cutoffs
    return survivors.tolist()


@pytest.mark.parametrize(("num_trials", "factor"), [(1, 3), (2, 3), (12, 3), (12, 2), (40, 4)])
def test_survivors_of_a_rung_agree_with_a_simulation(num_trials, factor):
    played = simulated_survivors(num_trials, factor, num_plays=1500)
    error = statistics.stdev(played) / math.sqrt(len(played))
    expected = expected_survivors(num_trials, factor)
    assert statistics.mean(played) == pytest.approx(expected, abs=4 * error + 1e-9)


def test_survivors_grow_without_steps_between_whole_numbers():
    whole, half, more = (expected_survivors(n, 3) for n in (7, 7.5, 8))
    assert half == pytest.approx((whole + more) / 2)
    assert expected_survivors(0.5, 3) == 0.5


def test_one_trial_is_never_stopped():
    assert expected_epochs(ASHA, 1) == 100


def test_fifo_trains_everything():
    assert expected_epochs(FIFO, 8) == 800
    assert trials_at_rungs(FIFO, 8) == ()


def test_expected_epochs_are_those_of_the_trials_that_reach_each_rung():
    (first, n1), (second, n2), (third, n3) = trials_at_rungs(ASHA, 64)
    assert (first, second, third, n1) == (5, 15, 45, 64)
    finishing = expected_survivors(n3, 3.0)
    by_hand = 5 * n1 + 10 * n2 + 30 * n3 + 55 * finishing
    assert expected_epochs(ASHA, 64) == pytest.approx(by_hand)
    assert 64 * 5 < by_hand < 64 * 100


def test_trial_is_judged_at_the_epoch_after_a_broken_rung():
    broken = SchedulerConfig(max_epochs=10, grace_epochs=1, reduction_factor=2.5)
    assert [epoch for epoch, _ in trials_at_rungs(broken, 8)] == [1, 3, 7]


def test_corners_agree_with_all_corners(search):
    smallest, largest = corner_costs(search, describe)
    counts = {layers * layers * kernel for layers in (2, 3, 4) for kernel in (3, 5, 7, 9)}
    assert (smallest.num_parameters, largest.num_parameters) == (min(counts), max(counts))


def test_corner_that_the_model_refuses_is_passed_over(search):
    def picky(config):
        if config.encoder_conv_layers == 4:
            raise UserError("too deep")
        return describe(config)

    assert corner_costs(search, picky)[1].num_parameters == 2 * 2 * 9


def test_estimate_without_a_speed_has_no_time(search):
    cost = estimate_cost(search, dataset=None)
    assert (cost.num_trials, cost.most_epochs, cost.time) == (64, 6400, None)
    assert cost.preset.num_parameters == 3 * 15
    assert cost.disk_gb == checkpoint_gb(search, cost.largest.checkpoint_mb)


def test_an_epoch_s_seconds_turn_epochs_into_hours(search):
    cost = estimate_cost(search, dataset=None, epoch_s=10.0)
    assert cost.time.trial_hours == pytest.approx(cost.expected_epochs * 10 / 3600)
    assert cost.time.core_hours == cost.time.trial_hours
    assert cost.time.gpu_hours == pytest.approx(cost.time.trial_hours / 4)


@pytest.mark.parametrize(
    ("keep", "num_trials", "disk_gb"),
    [
        (Keep(top_k=3), 64, 3 * 4 * 0.01),
        (Keep(top_k=3), 2, 2 * 4 * 0.01),
        (Keep(top_k=3, max_gb=0.05), 64, 0.05),
    ],
)
def test_checkpoints_stay_within_what_is_kept(search, keep, num_trials, disk_gb):
    changed = replace(search, keep=keep, budget=Budget(num_trials=num_trials))
    assert checkpoint_gb(changed, checkpoint_mb=10.0) == pytest.approx(disk_gb)
