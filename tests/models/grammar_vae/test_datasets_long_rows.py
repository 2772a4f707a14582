import numpy as np
import pytest

from models.grammar_vae.datasets.long_rows import long_rows_note


def note(*lengths):
    return long_rows_note(np.array(lengths), lambda row: f"mine.txt, line {row + 1}")


def test_one_row_far_longer_than_the_rest_is_named():
    assert note(*[4] * 11, 60, *[6] * 9) == (
        "mine.txt, line 12 takes 60 steps, but all others at most 6 (median 4): because of it "
        "every row is decoded in T = 60 steps; leave it out if it is a mistake"
    )


@pytest.mark.parametrize(
    "lengths",
    [
        range(1, 40),  # grows evenly
        [4] * 20 + [5],
        [10] * 20 + [14],
        [4] * 20 + [60, 61],  # two of twenty-two are no exception
        [1, 1, 100],  # too few to tell
        [7],
    ],
)
def test_rows_of_like_length_need_no_word(lengths):
    assert note(*lengths) is None


def test_one_in_a_thousand_may_be_an_exception():
    said = note(*[10] * 4000, 90, 20, 80, 70)
    assert said is not None
    assert said.startswith(
        "mine.txt, line 4001 takes 90 steps; mine.txt, line 4003 takes 80 steps; "
    )
    assert "line 4002 takes 20 steps and" not in said
    assert " and 1 more are as far off, but all others at most 10 " in said
