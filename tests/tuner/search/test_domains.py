import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tuner.search.domains import Choice, FloatRange, IntRange, ListOf, same_value

FREE = FloatRange(low=0.1, high=0.9)
GRID = FloatRange(low=0.0, high=0.6, step=0.1)
EVEN = IntRange(low=2, high=10, step=2)
KERNELS = Choice(options=(3, 5, [3, 5], None, "auto", True))


@pytest.mark.parametrize(
    ("domain", "inside", "outside"),
    [
        (FREE, [0.1, 0.5, 0.9], [0.0999, 0.91, math.nan, math.inf, "0.5", None, True]),
        (GRID, [0, 0.0, 0.1 + 0.2, 0.6], [0.05, 0.7, -0.1]),
        (EVEN, [2, 10], [3, 0, 12, 2.0, True, "2"]),
        (KERNELS, [3, 5, [3, 5], (3, 5), None, "auto", True], [4, [5, 3], "3", False, 1]),
    ],
)
def test_bounds_are_inside_and_other_types_are_not(domain, inside, outside):
    assert all(domain.contains(value) for value in inside)
    assert not any(domain.contains(value) for value in outside)


@pytest.mark.parametrize(
    ("domain", "value", "nearest"),
    [
        (FREE, 7, 0.9),
        (FREE, "x", 0.1),
        (GRID, 0.27, 0.3),
        (GRID, 0.1 + 0.2, 0.3),
        (EVEN, 7.2, 8),
        (EVEN, 99, 10),
        (EVEN, None, 2),
        (KERNELS, 4.6, 5),
        (KERNELS, "aut", "auto"),
        (KERNELS, [3, 5, 7], [3, 5]),
        (KERNELS, False, 3),
    ],
)
def test_nearest_legal_value(domain, value, nearest):
    assert same_value(domain.nearest(value), nearest)


@given(st.floats(-2, 2) | st.integers(-20, 20), st.sampled_from([FREE, GRID, EVEN, KERNELS]))
@settings(deadline=None)
def test_nearest_is_legal_and_leaves_legal_values_alone(value, domain):
    nearest = domain.nearest(value)
    assert domain.contains(nearest)
    if domain.contains(value):
        assert nearest == pytest.approx(value, abs=1e-8)  # as near as a grid takes


@given(st.integers(0, 6), st.floats(-1, 2))
@settings(deadline=None)
def test_nearest_on_a_grid_is_the_closest_of_all(k, value):
    grid = [round(0.1 * i, 1) for i in range(7)]
    assert GRID.nearest(grid[k]) == grid[k]  # exact in decimals
    assert abs(GRID.nearest(value) - value) <= min(abs(g - value) for g in grid) + 1e-12


def test_list_has_the_length_and_legal_items():
    kernels = ListOf(item=Choice(options=(3, 5, 7)), length=3)
    assert kernels.contains([3, 7, 5], 3)
    assert kernels.contains((3, 7, 5), 3)
    assert not kernels.contains([3, 7], 3)
    assert not kernels.contains([3, 7, 9], 3)
    assert not kernels.contains(3, 3)
    assert kernels.nearest([9, 3], 3) == [7, 3, 3]
    assert kernels.nearest([3, 5, 7, 7], 2) == [3, 5]
    assert kernels.nearest(5, 2) == [5, 5]


def test_labels_are_scalars_one_to_one():
    assert KERNELS.labels == (3, 5, "[3, 5]", None, "auto", True)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (True, True, True),
        ([1, 2], (1, 2), True),
        ([1, True], [1, 1], False),
        ([1], [1, 1], False),
        (None, None, True),
        ("a", "a", True),
        ("1", 1, False),
    ],
)
def test_equality_of_plain_values(one, other, same):
    assert same_value(one, other) is same
    assert same_value(other, one) is same


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
@settings(deadline=None)
def test_extremes_are_legal(one, other):
    assume(one < other)
    domain = FloatRange(low=one, high=other, log=True)
    assert all(domain.contains(end) for end in domain.extremes)
