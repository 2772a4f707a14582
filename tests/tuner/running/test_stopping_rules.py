"""The rules that stop trials, by number: who goes on at a rung, and how trials are dealt out."""

import math
from collections import Counter

import pytest

from tuner.running.stopping_rules import NUM_FOR_MEDIAN, Halving, Hyperband, Median
from tuner.search.blocks import SchedulerConfig


def costs(values, seconds=None):
    seconds = seconds or [math.inf] * len(values)
    return [(-value, -second, -1) for value, second in zip(values, seconds, strict=True)]


def judge(rule, all_costs, epoch=1):
    return [rule.falls_behind(f"t{n}", epoch, cost) for n, cost in enumerate(all_costs)]


@pytest.mark.parametrize(
    ("own", "behind"), [((-2.01, 0.0), False), ((-2.0, -1.0), False), ((-1.99, -1.0), True)]
)
def test_the_best_third_at_a_rung_goes_on(own, behind):
    """Of 3, 2, 1, 0 the quantile that bounds the best third is the 2; equals ask the secondary."""
    rule = Halving([1], 3.0)
    judge(rule, costs([3.0, 0.0, 2.0, 1.0], [0.0] * 4))
    assert rule.falls_behind("new", 1, (*own, -1)) == behind


def test_the_quantile_is_interpolated_between_two_trials():
    for value, behind in [(2.34, False), (2.32, True)]:  # 3 - 2/3 of the way to 2
        rule = Halving([1], 3.0)
        judge(rule, costs([3.0, 2.0, 1.0]))
        assert rule.falls_behind("new", 1, (-value, 0.0, -1)) == behind


def test_the_first_at_a_rung_goes_on_whatever_it_has():
    assert judge(Halving([1], 3.0), costs([0.0])) == [False]


def test_equal_values_are_told_apart_by_the_secondary_metric():
    """The quickstart's first rung: 0.0 for nearly all, and the evidence bound tells them apart."""
    seconds = [-5.0, -9.0, -6.0, -8.0, -4.0, -7.0, -6.5, -9.5, -3.0, -5.5, -8.5, -7.5]
    behind = judge(Halving([5], 3.0), costs([0.0] * 12, seconds), epoch=5)
    assert [n for n, is_behind in enumerate(behind) if not is_behind] == [0, 2, 4, 8, 9]


def test_what_is_equal_in_all_leaves_those_that_came_first():
    assert judge(Halving([1], 3.0), costs([0.5] * 5, [1.0] * 5)) == [False] + [True] * 4


def test_a_trial_enters_the_highest_rung_that_it_reached():
    rule = Halving([1, 3, 9], 3.0)
    assert not rule.falls_behind("a", 4, (-1.0, 0.0, -4))
    assert rule.falls_behind("b", 3, (-0.5, 0.0, -3))
    assert not rule.falls_behind("b", 1, (-0.5, 0.0, -1))  # nobody has been at the first rung


def test_hyperband_deals_trials_out_in_the_shares_of_its_brackets():
    config = SchedulerConfig(name="hyperband", max_epochs=27, grace_epochs=1, reduction_factor=3)
    shares = [share for _, share in config.brackets]
    assert [rungs for rungs, _ in config.brackets] == [(1, 3, 9), (3, 9), (9,), ()]
    assert shares == pytest.approx([27 / 49, 12 / 49, 6 / 49, 4 / 49])
    rule = Hyperband(config.brackets, 3.0)
    judge(rule, costs([1.0] * 49))
    counts = Counter(id(bracket) for bracket in rule._bracket_of.values())
    assert sorted(counts.values()) == [4, 6, 12, 27]


def test_a_trial_of_the_last_bracket_is_never_stopped():
    config = SchedulerConfig(name="hyperband", max_epochs=9, grace_epochs=1, reduction_factor=3)
    rule = Hyperband(config.brackets, 3.0)
    going = set(range(40))
    for epoch in range(1, 9):
        for number in sorted(going):
            if rule.falls_behind(f"t{number}", epoch, (0.0, 0.0, -epoch)):
                going.remove(number)
    last = {trial for trial, bracket in rule._bracket_of.items() if bracket is rule._brackets[-1]}
    assert last and last <= {f"t{number}" for number in going}


def test_the_median_is_asked_once_enough_trials_reached_an_epoch():
    rule = Median(2)
    falling = costs([5.0, 4.0, 3.0, 2.0, 4.5])
    assert judge(rule, falling, epoch=1) == [False] * 5
    expected = [False] * NUM_FOR_MEDIAN + [True, False]  # 2 < 4, the median of 5, 4, 3; 4.5 > 3.5
    assert judge(rule, falling, epoch=2) == expected
