"""The order of epochs: value, then the secondary metric, then the later epoch."""

import math

import pytest

from models.ranking import NO_VALUE, Ranking, has_value

NAN, INF = math.nan, math.inf


def best_epoch(ranking, curve):
    """Return the best epoch of (value, secondary value) pairs."""
    costs = {
        epoch: ranking.cost({"value": value, "second": second}, epoch)
        for epoch, (value, second) in enumerate(curve, 1)
    }
    return min(costs, key=costs.__getitem__)


@pytest.mark.parametrize(
    ("mode", "second_mode", "curve", "epoch"),
    [
        ("max", "max", [(0.1, 9), (0.3, 0), (0.2, 9)], 2),  # the value before all else
        ("min", "max", [(0.2, 9), (0.1, 0), (0.3, 9)], 2),
        ("max", "max", [(0.0, -20), (0.0, -13), (0.0, -15)], 2),  # of equals the better second
        ("max", "min", [(0.0, 20), (0.0, 13), (0.0, 15)], 2),
        ("min", "max", [(7.0, -20), (7.0, -13), (7.0, -15)], 2),
        ("min", "min", [(7.0, 20), (7.0, 13), (7.0, 15)], 2),
        ("max", "max", [(0.5, 1), (0.5, 1), (0.4, 2)], 2),  # of equals in both the later
        ("min", "min", [(0.5, 1), (0.5, 1), (0.6, 0)], 2),
        ("max", "max", [(NAN, 9), (-5.0, 0), (NAN, 9)], 2),
        ("max", "max", [(INF, 9), (-5.0, 0), (-INF, 9)], 2),  # not finite is no value
        ("min", "max", [(INF, 9), (5.0, 0), (-INF, 9)], 2),
        ("max", "max", [(0.5, NAN), (0.5, -9), (0.5, INF)], 2),
    ],
)
def test_the_better_epoch(mode, second_mode, curve, epoch):
    ranking = Ranking(metric="value", mode=mode, secondary="second", secondary_mode=second_mode)
    assert best_epoch(ranking, curve) == epoch


@pytest.mark.parametrize("mode", ["max", "min"])
def test_without_a_secondary_metric_the_later_of_equals_is_better(mode):
    assert best_epoch(Ranking(metric="value", mode=mode), [(0.5, 9), (0.5, 1), (0.5, 5)]) == 3


def test_a_metric_that_is_not_reported_is_no_value():
    ranking = Ranking(metric="value", mode="max", secondary="second")
    assert not has_value(ranking.cost({"second": 1.0}, 3))
    assert ranking.cost({"value": -1e9}, 3) < ranking.cost({"second": 1.0}, 9) < NO_VALUE
    assert has_value(ranking.cost({"value": 0.0}, 3))


def test_files_are_named_after_the_metric_without_its_prefix():
    assert Ranking(metric="val/seq_acc", mode="max").label == "seq_acc"
