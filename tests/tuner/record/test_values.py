"""Values of metrics in words."""

import math

import pytest

from tuner.record.values import value_words
from tuner.report.wording import alike, number


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.99975, "0.9998"),
        (113_512.0, "113,512"),
        (1000.0, "1,000"),
        (999.0, "999.0000"),
        (1234.5, "1234.5000"),
        (-3_709_328.0, "-3,709,328"),
        (math.nan, "-"),
        (None, "-"),
    ],
)
def test_counts_are_whole_and_other_values_have_four_decimals(value, words):
    assert value_words(value) == words


def test_differences_have_their_sign():
    assert value_words(3_709_328.0, sign=True) == "+3,709,328"
    assert value_words(-0.00031, sign=True) == "-0.0003"


def test_a_report_writes_counts_in_full():
    assert number(193_832.0) == "193,832"
    assert number(63_944.0) == "63,944"
    assert alike((3_709_328.0, 3_709_328.0), sign=True) == ["+3,709,328", "+3,709,328"]
    assert alike((63_944.0, -64.0), sign=True) == ["+63,944", "-64"]
    assert alike((63_944.0, math.nan)) == ["63,944", "-"]
