import pytest

from models.programs.language.kinds import language
from models.programs.language.scopes import (
    FACTS,
    changed_type,
    defined_type,
    is_visible_in,
    needed_facts,
)


def kind(name):
    return language().kinds[language().id_of(name)]


def test_every_fact_is_needed_and_fits_a_bit():
    needed = {fact for item in language().kinds for fact in needed_facts(item)}
    assert needed == set(FACTS)
    assert len(FACTS) == len(set(FACTS)) < 32


@pytest.mark.parametrize(
    ("name", "defined", "changed"),
    [
        ("let_str", "str", None),
        ("set_list", None, "list"),
        ("for_words", "str", None),
        ("for_slot", "int", None),
        ("last_bool", "bool", None),
        ("iadd_list", None, "list"),
        ("append", None, "list"),
        ("store", None, None),
        ("while_le_and", None, "int"),
        ("shrink_gt", None, "int"),
        ("add", None, None),
    ],
)
def test_what_statements_do_to_slots(name, defined, changed):
    assert (defined_type(kind(name)), changed_type(kind(name))) == (defined, changed)


@pytest.mark.parametrize(
    ("name", "places"),
    [("let_int", [1]), ("for_range_3", [3]), ("for_slot", [1]), ("if_else", [])],
)
def test_a_new_slot_is_visible_in_the_rest_of_the_block_or_in_the_body(name, places):
    item = kind(name)
    assert [p for p in range(len(item.children)) if is_visible_in(item, p)] == places
