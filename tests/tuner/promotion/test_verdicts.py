import math
from dataclasses import replace

import pytest

from models.ast_autoencoder.spec import AST_AUTOENCODER
from models.grammar_vae.spec import GRAMMAR_VAE
from tuner.promotion.verdicts import difference, luck, shift, t_quantile
from tuner.record.confirmations import Confirmation, Confirmed


def test_the_interval_is_that_of_student():
    """Second formula: three differences, 1 2 3; t of two degrees is 4.3027."""
    found = difference({"1": 2.0, "2": 4.0, "3": 6.0}, {"1": 1.0, "2": 2.0, "3": 3.0}, "max")
    half = 4.302652729911275 / math.sqrt(3)
    assert (found.mean, found.level) == (2.0, 0.95)
    assert found.low == pytest.approx(2 - half)
    assert found.high == pytest.approx(2 + half)


@pytest.mark.parametrize(("degrees", "quantile"), [(1, 12.7062), (2, 4.30265), (9, 2.26216)])
def test_quantiles_as_tables_have_them(degrees, quantile):
    assert t_quantile(degrees, 0.95) == pytest.approx(quantile, abs=1e-4)


def test_less_can_be_better():
    assert difference({"1": 1.0, "2": 1.0}, {"1": 3.0, "2": 3.0}, "min").mean == 2.0


def test_pairing_takes_the_luck_of_the_seed_away():
    lucky = {"1": 0.10, "2": 0.50, "3": 0.90}
    better = {seed: value + 0.01 for seed, value in lucky.items()}
    found = difference(better, lucky, "max")
    assert found.low == pytest.approx(0.01)
    assert found.high == pytest.approx(0.01)


def test_equal_values_differ_by_nothing():
    found = difference({"1": 1.0, "2": 1.0}, {"1": 1.0, "2": 1.0}, "max")
    assert (found.low, found.mean, found.high) == (0.0, 0.0, 0.0)


def test_the_interval_of_accuracies_ends_at_one():
    found = difference({"1": 0.9, "2": 0.6}, {"1": 0.0, "2": 0.1}, "max", reach=1.0)
    assert (found.low, found.high) == (-1.0, 1.0)
    free = difference({"1": 0.9, "2": 0.6}, {"1": 0.0, "2": 0.1}, "max")
    assert (free.mean, free.high > 1) == (found.mean, True)
    assert shift([0.9, 0.1], [0.1], "max", reach=1.0).high == 1.0
    assert GRAMMAR_VAE.reach("val/seq_acc") == 1.0
    assert GRAMMAR_VAE.reach("val/elbo") == AST_AUTOENCODER.reach("val/loss") == math.inf


@pytest.mark.parametrize("baseline", [{}, {"1": 0.5}, {"7": 0.5, "8": 0.5}])
def test_fewer_than_two_pairs_say_nothing(baseline):
    assert difference({"1": 1.0, "2": 1.0}, baseline, "max") is None


def test_seeds_without_a_value_on_both_sides_do_not_count():
    found = difference({"1": 1.0, "2": 1.0, "3": 9.0}, {"1": 0.5, "2": 0.5}, "max")
    assert found.mean == 0.5


def confirmed(mode, *candidates):
    return Confirmation(
        id="x",
        metric="val/score",
        mode=mode,
        seeds=(1, 2),
        epochs=4,
        hours=0.0,
        gpu_hours=0.0,
        baseline=Confirmed(name="plain", values={}, failures={}),
        candidates=candidates,
        ended=0.0,
    )


def test_luck_is_what_fresh_seeds_do_not_give_again():
    one = Confirmed(name="trial 1", values={"1": 0.5, "2": 0.7}, failures={}, leaderboard=0.9)
    two = replace(one, leaderboard=0.7)
    assert luck(confirmed("max", one, two)) == pytest.approx(0.2)
    assert luck(confirmed("min", one, two)) == pytest.approx(-0.2)
    assert luck(confirmed("max", replace(one, values={}))) is None


def test_a_shift_is_students_with_a_common_spread():
    """Second formula: scipy's own test with equal variances."""
    from scipy.stats import ttest_ind

    now, before = [0.5, 0.7, 0.9], [0.8, 0.9]
    found = shift(now, before, "max")
    interval = ttest_ind(now, before).confidence_interval(0.95)
    assert found.mean == pytest.approx(-0.15)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    less = shift(now, before, "min")
    assert (less.mean, less.low) == pytest.approx((0.15, -interval.high))


def test_one_value_from_before_is_enough():
    found = shift([0.5, 0.7], [0.6], "max")
    assert found.mean == pytest.approx(0.0)
    assert found.high == pytest.approx(12.7062 * math.sqrt(0.02 * 1.5), rel=1e-4)
