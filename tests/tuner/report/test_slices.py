"""The axis of a slice: what stands below it."""

import pytest

from tuner.report.figures.slices import draw_slice


def axis_of(ends, *, is_log=False):
    spec = draw_slice(
        "one", "val/score", options=None, ends=ends, is_log=is_log, domain=None, has_best=True
    )
    return spec["layer"][0]["encoding"]["x"]["axis"]


@pytest.mark.parametrize(("ends", "values"), [((1, 3), [1, 2, 3]), ((1, 2), [1, 2])])
def test_the_few_values_of_a_range_of_whole_numbers_are_all_that_stands_there(ends, values):
    assert axis_of(ends)["values"] == values


@pytest.mark.parametrize("ends", [(0, 10), (0.5, 2.5)])
def test_other_ranges_have_round_numbers(ends):
    assert "values" not in axis_of(ends)
