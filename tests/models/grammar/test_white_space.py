import pytest

from models.grammar.white_space import column, inner_white_space, joined_words, strip_white_space


def test_strip_removes_every_kind_of_white_space():
    assert strip_white_space(" a\tb\n c\u00a0d ") == "abcd"


@pytest.mark.parametrize("text", ["1 2", "d x", "1. 5", "1 .5", "a_ b"])
def test_white_space_between_words_is_found(text):
    assert joined_words(text, ()) is not None


@pytest.mark.parametrize("text", ["1 + 2", "dt (u)", "u ^ 3", " u ", "- 1"])
def test_white_space_around_signs_is_fine(text):
    assert joined_words(text, ()) is None


def test_white_space_beside_a_spaced_word_is_fine():
    assert joined_words("x and y", ("and",)) is None
    assert joined_words("x and y z", ("and",)) is not None


@pytest.mark.parametrize(("position", "expected"), [(0, 2), (1, 4), (2, 5)])
def test_column_counts_in_the_text_as_given(position, expected):
    assert column(" a b ", position) == expected


@pytest.mark.parametrize(("text", "at"), [("a  b", 1), ("( a", 1), (" a\tb", 2)])
def test_white_space_inside_a_text_is_found(text, at):
    found = inner_white_space(text)
    assert found is not None
    assert found.start() == at


def test_white_space_around_a_text_is_not_inside():
    assert inner_white_space(" ab\n") is None
