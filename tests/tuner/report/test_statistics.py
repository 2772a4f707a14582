import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.report.statistics import bootstrap, kendall, spearman

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12)


def tau_by_counting(pairs):
    """Kendall's tau-b by its definition, pair by pair."""
    concordant = discordant = one_tied = other_tied = 0
    for (a, b), (c, d) in combinations(pairs, 2):
        product = (a - c) * (b - d)
        concordant += product > 0
        discordant += product < 0
        one_tied += a == c and b != d
        other_tied += b == d and a != c
    untied = concordant + discordant
    norm = math.sqrt((untied + one_tied) * (untied + other_tied))
    return (concordant - discordant) / norm if norm else math.nan


@given(PAIRS)
@settings(deadline=None)  # the first call imports scipy
def test_kendall_agrees_with_counting_pairs(pairs):
    one, other = np.array(pairs, float).T
    assert kendall(one, other) == pytest.approx(tau_by_counting(pairs), nan_ok=True)


@given(st.permutations(range(9)))
@settings(deadline=None)
def test_spearman_agrees_with_the_formula_of_ranks_without_ties(order):
    n = len(order)
    d2 = sum((i - rank) ** 2 for i, rank in enumerate(order))
    expected = 1 - 6 * d2 / (n * (n**2 - 1))
    assert spearman(np.arange(9.0), np.array(order, float)) == pytest.approx(expected)


def test_equal_values_share_their_rank():
    # Ranks 1.5, 1.5, 3 against 1, 2, 3.
    expected = np.corrcoef([1.5, 1.5, 3], [1, 2, 3])[0, 1]
    assert spearman(np.array([4.0, 4.0, 9.0]), np.array([1.0, 2.0, 3.0])) == pytest.approx(expected)
    assert math.isnan(spearman(np.ones(3), np.arange(3.0)))


def test_the_interval_of_a_mean_is_about_as_wide_as_theory_says():
    values = np.random.default_rng(1).normal(size=400)
    found = bootstrap(lambda rows: float(values[rows].mean()), 400, num_draws=1000)
    half = 1.645 * values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.02)
    assert found.high == pytest.approx(values.mean() + half, abs=0.02)


def test_a_statistic_that_is_never_a_number_has_no_interval():
    found = bootstrap(lambda rows: math.nan, 5)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
