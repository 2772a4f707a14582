import math

from hypothesis import given
from hypothesis import strategies as st

from tuner.record.front import Front, objective_costs
from tuner.search.blocks import Objective

OBJECTIVES = (Objective(metric="acc", mode="max"), Objective(metric="loss", mode="min"))


def test_costs_are_less_where_values_are_better():
    assert objective_costs({"acc": 0.5, "loss": 2.0, "other": 1.0}, OBJECTIVES) == (-0.5, 2.0)


def test_a_value_that_is_missing_or_not_finite_gives_no_costs():
    assert objective_costs({"acc": 0.5}, OBJECTIVES) is None
    assert objective_costs({"acc": 0.5, "loss": math.nan}, OBJECTIVES) is None
    assert objective_costs({"acc": math.inf, "loss": 1.0}, OBJECTIVES) is None


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4))))
def test_the_front_is_what_no_other_beats(points):
    front = Front()
    for number, costs in enumerate(points):
        front.add(str(number), costs)
    for number, costs in enumerate(points):
        beaten = any(
            other != costs and all(a <= b for a, b in zip(other, costs, strict=True))
            for other in points
        )
        assert (str(number) in front) is not beaten
        assert front.beats(costs) is beaten
