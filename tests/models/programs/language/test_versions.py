import pytest

from models.programs.language.from_source import source_to_ids
from models.programs.language.kinds import language
from models.programs.language.versions import oldest_version, versions

FIRST = "a4a9d71becfd298ba0a5b9043b667b8acfb6ca9d6c5ce598d7d17c893b1b9bc7"
"""Digest that data sets and weights of the first version carry."""


def test_the_productions_of_the_first_version_keep_their_ids():
    assert versions()[FIRST] == 406
    assert versions()[language().grammar.digest] == language().grammar.num_productions


@pytest.mark.parametrize(
    ("source", "is_first"),
    [
        ("def f(n: int): return n + 1", True),
        ("def f(n: int): return n ** 2", False),
        ("def f(n: list): return [x for x in n]", False),
    ],
)
def test_programs_are_of_the_oldest_version_that_has_all_they_need(source, is_first):
    digest = oldest_version(max(source_to_ids(source).ids))
    assert (digest == FIRST) == is_first


def test_a_data_set_without_programs_is_of_the_first_version():
    assert oldest_version(-1) == FIRST
