import pytest

from models.programs.language.contexts import contexts
from models.programs.language.kinds import language
from models.programs.language.machine_tables import SYMBOL_BITS
from models.programs.language.scopes import (
    FACTS,
    changed_type,
    is_visible_in,
    needed_facts,
)


def kind(name):
    return language().kinds[language().id_of(name)]


def test_every_fact_is_needed_and_fits_a_bit():
    needed = {fact for item in language().kinds for fact in needed_facts(item)}
    assert needed == set(FACTS)
    assert len(FACTS) == len(set(FACTS)) <= 63 - 8  # an int64, with those of the spare steps
    assert len(contexts()) + 1 < 1 << SYMBOL_BITS  # kept in a byte


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
        ("remove", None, "list"),
        ("set_two", None, "int"),
        ("bool_over_str", "str", None),
        ("add", None, None),
    ],
)
def test_what_statements_do_to_slots(name, defined, changed):
    assert kind(name).defined == (() if defined is None else (defined,))
    assert changed_type(kind(name)) == changed


def test_pairs_define_two_slots():
    assert kind("for_enumerate_str").defined == ("int", "str")
    assert kind("int_over_zip_list").defined == ("int", "int")
    assert needed_facts(kind("for_zip_list")) == ("two slots are left",)


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("let_int", [1]),
        ("for_range_3", [3]),
        ("for_slot", [1]),
        ("if_else", []),
        ("int_over_zip_str", [2, 3]),
    ],
)
def test_a_new_slot_is_visible_in_the_rest_of_the_block_or_in_the_body(name, places):
    item = kind(name)
    assert [p for p in range(len(item.children)) if is_visible_in(item, p)] == places
