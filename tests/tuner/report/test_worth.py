import random

import numpy as np
import pytest
from optuna.samplers import TPESampler

from tuner.record.confirmations import Confirmation, Confirmed, Difference, write_confirmations
from tuner.report.coordinates import axes_of, random_points
from tuner.report.worth import (
    NUM_STARTUP,
    best_over_cost,
    chances_of,
    drawn_at_random,
    replay,
    worth_of,
    worth_section,
)

PLANE = """
model: fake
preset: plain
space:
  lr: {uniform: [0.0, 1.0]}
  peak: {int: [1, 100]}
searcher: {sampler: tpe, seed: 3}
scheduler: {name: fifo, max_epochs: 2}
budget: {num_trials: 300}
"""


def test_the_best_over_cost_counts_trials_that_were_paid_for():
    costs, goods = np.array([2.0, 3.0, 1.0, 4.0]), np.array([0.1, 0.5, 0.3, 0.9])
    found = best_over_cost(costs, goods, np.array([1.0, 2.0, 4.9, 5.0, 6.0, 9.9, 10.0]))
    assert found.tolist() == [-np.inf, 0.1, 0.1, 0.5, 0.5, 0.5, 0.9]


def test_random_trials_are_those_before_tpe_begins(hand_made):
    assert TPESampler()._n_startup_trials == NUM_STARTUP
    run = hand_made("searcher={sampler: tpe, warm_start: [plain]}")
    run.trial([0.9], params={"lr": 0.5})  # where the preset stands: a warm start
    for number in range(14):
        state = "failed" if number < 2 else "done"
        run.trial([0.1], params={"lr": 0.6 + number / 100}, state=state)
    # Nine good ends beside the warm start's, and the two failures, which teach TPE nothing.
    assert sorted(one.row.number for one in drawn_at_random(run.material)) == list(range(1, 12))


def quality(lr, peak):
    """A narrow hill: one of a hundred random points is above 0.8."""
    return 1.0 - 4 * ((lr - 0.8) ** 2 + (peak / 100 - 0.3) ** 2)


@pytest.fixture
def searched(hand_made):
    """Return a search that looks where it is good: most of its trials are near the top."""
    run = hand_made(text=PLANE)
    rng = np.random.default_rng(5)
    for number in range(220):
        if number < 60:
            lr, peak = rng.uniform(), int(rng.integers(1, 101))
        else:
            lr = float(np.clip(0.8 + rng.normal(0, 0.1), 0, 1))
            peak = int(np.clip(30 + rng.normal(0, 10), 1, 100))
        value = quality(lr, peak)
        run.trial([{"val/score": value}] * 2, params={"lr": lr, "peak": peak})
    return run.material


def test_replayed_random_search_is_as_good_as_random_search_is(searched):
    pool = sorted(searched.valued, key=lambda one: one.row.number)
    chances = chances_of(searched, pool)
    costs, goods = np.full(len(pool), 2.0), np.array([one.value for one in pool])
    steps, rng = np.array([20.0, 60.0]), np.random.default_rng(0)
    even = np.full(len(pool), 1 / len(pool))

    def middle(weights):
        return np.median([replay(costs, goods, weights, steps, rng) for _ in range(400)], axis=0)

    points = random_points(searched.search.space, 400 * 30, random.Random(9))
    truth = np.array([quality(p["lr"], p["peak"]) for p in points]).reshape(400, 30)
    expected = np.median(truth[:, :10].max(1)), np.median(truth.max(1))
    assert middle(chances) == pytest.approx(expected, abs=0.06)
    # Every trial as likely as every other flatters random search, which the weights mend.
    error = np.abs(middle(chances) - expected)
    assert (error < np.abs(middle(even) - expected)).all()
    assert chances[60:].sum() < 0.6 < even[60:].sum()
    assert len(axes_of(searched.search.space)) == 2


def test_the_search_is_ahead_of_random_search_or_level(searched):
    found = worth_of(searched)
    assert found.search[-1] == searched.best.value
    assert found.epochs[-1] == 440
    assert found.gain.low >= 0
    assert all(a <= b <= c for a, b, c in zip(found.low, found.middle, found.high, strict=True))
    assert 0 < found.reached <= 1
    assert 0 < found.odds < 0.2
    words = worth_section(searched).words
    assert words[0].startswith("For the same 440 epochs random search would ")


def test_less_can_be_better(hand_made):
    run = hand_made(
        "objective={metric: val/cost, mode: min}", "searcher={sampler: tpe}", text=PLANE
    )
    for number in range(30):
        values = {"lr": 0.99 - number / 50, "peak": 50}
        run.trial([{"val/cost": 10.0 - number / 5}], params=values)
    found = worth_of(run.material)
    assert found.search[-1] == pytest.approx(10 - 29 / 5)
    assert all(a >= b >= c for a, b, c in zip(found.low, found.middle, found.high, strict=True))
    assert found.gain.low >= 0


def test_a_random_search_is_not_compared_with_itself(hand_made):
    run = hand_made()  # which samples at random
    for number in range(12):
        run.trial([number / 12])
    assert worth_of(run.material) is None
    assert "search and random search are the same" in worth_section(run.material).missing[0]


def test_trials_that_failed_cost_their_epochs(hand_made):
    run = hand_made("searcher={sampler: tpe}")
    for number in range(12):
        run.trial([number / 12], params={"lr": 0.1 + number / 20})
    run.trial([float("nan")] * 5, params={"lr": 0.9}, state="failed", cause="nan")
    found = worth_of(run.material)
    assert found.epochs[-1] == 17


@pytest.mark.parametrize(("low", "said"), [(0.1, "is ahead by +0.3000"), (-0.1, "may be chance")])
def test_a_confirmation_is_what_the_preset_is_compared_by(hand_made, low, said):
    run = hand_made()
    run.trial([0.9])
    difference = Difference(mean=0.3, low=low, high=0.5, level=0.95)
    one = Confirmed(number=0, name="trial 0", values={"1": 0.8, "2": 0.8}, failures={},
                    difference=difference, wins=low > 0)  # fmt: skip
    baseline = Confirmed(name="plain", values={"1": 0.5, "2": 0.5}, failures={})
    write_confirmations(run.paths, [Confirmation(
        id="c", metric="val/score", mode="max", seeds=(1, 2), epochs=4, hours=0.1, gpu_hours=0.0,
        baseline=baseline, candidates=(one,), ended=1e9,
    )])  # fmt: skip
    words = worth_section(run.material).words[0]
    assert words.startswith("Against the preset plain, on the same fresh seeds, trial 0 is ahead")
    assert said in words


def test_the_preset_is_compared_with_where_it_was_trained(hand_made):
    run = hand_made()
    run.trial([0.4], params={"lr": 0.5})
    assert "had 0.4000 as trial 0" in " ".join(worth_section(run.material).words)
    run.trial([0.7], params={"lr": 0.9})
    said = " ".join(worth_section(run.material).words)
    assert "the best trial is 0.3000 better; one seed each" in said
