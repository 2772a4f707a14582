import pytest

from models.programs.language.from_source import source_to_ids
from models.programs.language.kinds import language
from models.programs.language.versions import oldest_version, versions

FIRST = "a4a9d71becfd298ba0a5b9043b667b8acfb6ca9d6c5ce598d7d17c893b1b9bc7"
"""Digest that data sets and weights of the first version carry."""


SECOND = "4c87aedd350a932cd26449f8610e9cc16d0cec39d20cd14a65243309ab0fe836"
"""Of the version with comprehensions and without lists of str."""


THIRD = "2661cb686cbbd999d17a025aa0ed7a419efe43d69010f2658c54b43672e4ef03"
"""Of the version with lists of str and without floats."""


FOURTH = "7262fb07138e6bc57dd4ef2993f58a54f3610d28a8df36f053591e55e8a1bfac"
"""Of the version with floats and without sets."""


def test_the_productions_of_earlier_versions_keep_their_ids():
    assert versions()[FIRST] == 406
    assert versions()[SECOND] == 468
    assert versions()[THIRD] == 552
    assert versions()[FOURTH] == 635
    assert versions()[language().grammar.digest] == language().grammar.num_productions


@pytest.mark.parametrize(
    ("source", "version"),
    [
        ("def f(n: int): return n + 1", FIRST),
        ("def f(n: int): return n ** 2", SECOND),
        ("def f(n: list): return [x for x in n]", SECOND),
        ("def f(s: str): return s.split()", THIRD),
        ("def f(n: int): return n / 2", FOURTH),
        ("def f(n: int): return {n}", language().grammar.digest),
    ],
)
def test_programs_are_of_the_oldest_version_that_has_all_they_need(source, version):
    assert oldest_version(max(source_to_ids(source).ids)) == version


def test_a_data_set_without_programs_is_of_the_first_version():
    assert oldest_version(-1) == FIRST
