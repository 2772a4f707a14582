from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.grammar.derivation import to_text
from models.grammar.parsing import TextParser
from models.programs.language.kinds import (
    MAPS,
    MAX_PARAMETERS,
    NONTERMINAL_OF,
    NUM_SLOTS,
    TYPE_OF,
    TYPES,
    language,
)

PARSER = TextParser(language().grammar)


def test_kinds_follow_the_productions():
    of = language()
    assert len(of.kinds) == of.grammar.num_productions
    for index, kind in enumerate(of.kinds):
        production = of.grammar.productions[index]
        assert (kind.id, kind.lhs, kind.children) == (
            index,
            production.lhs,
            production.nonterminals,
        )


def test_only_slots_and_values_share_a_kind():
    names = Counter(kind.name for kind in language().kinds)
    shared = {name for name, count in names.items() if count > 1}
    assert shared == {"slot", "constant", "digit", "character"}


@pytest.mark.parametrize("lhs", ["SLOT", *TYPE_OF])
def test_every_slot_has_a_production_of_every_type(lhs):
    of = language()
    for slot in range(NUM_SLOTS):
        kind = of.kinds[of.slot_id(lhs, slot)]
        assert (kind.lhs, kind.name, kind.slot) == (lhs, "slot", slot)
    assert (len(TYPES), MAX_PARAMETERS) == (12, 4)


def test_values_are_python_values():
    of = language()
    values = {(kind.lhs, kind.value) for kind in of.kinds if kind.name == "constant"}
    assert {("INT", -1), ("INT", 1000), ("BOOL", True), ("STR", " "), ("STR", "")} <= values
    characters = [kind.value for kind in of.kinds if kind.name == "character"]
    assert characters == [chr(code) for code in range(32, 127)]
    assert of.constant_id("INT", 7) != of.constant_id("DIGITS", "7")
    assert of.constant_id("INT", 77) is None


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_the_written_form_leads_back_to_the_derivation(data, any_program):
    ids = data.draw(any_program)
    grammar = language().grammar
    assert PARSER.derive(to_text(grammar, ids)) == ids


def test_only_what_closes_a_sequence_ends():
    ends = {kind.name for kind in language().kinds if kind.ends}
    pairs = {f"{of}_pairs_end" for of in MAPS}
    assert ends == pairs | {
        *("end", "digits_end", "chars_end", "items_end", "text_items_end", "where_end")
    }


@pytest.mark.parametrize(
    ("name", "traits"),
    [
        ("program_list", ("program", "list", None, None, None)),
        ("last_bool", ("last", "bool", None, None, None)),
        ("let_str", ("let", "str", None, None, None)),
        ("return_int", ("return", "int", None, None, None)),
        ("ifloordiv", ("augment", "int", "floordiv", None, None)),
        ("iadd_str", ("augment", "str", "concat_str", None, None)),
        ("store", ("store", "list", None, None, None)),
        ("remove_text", ("append", "texts", None, None, None)),
        ("iadd_texts", ("augment", "texts", "concat_texts", None, None)),
        ("for_slot_texts", ("for", "str", None, None, None)),
        ("insert", ("append", "list", None, None, None)),
        ("set_two", ("set", "int", None, None, None)),
        ("break", ("leave", None, None, None, None)),
        ("count_of", ("gather", "int", None, None, None)),
        ("str_over_zip_str", ("each", "str", None, None, None)),
        ("if_else", ("if", None, None, None, None)),
        ("for_slot", ("for", "int", None, None, None)),
        ("for_words", ("for", "str", None, None, None)),
        ("while_le_and", ("while", "int", "le", "up", "while_le")),
        ("while_gt", ("while", "int", "gt", "down", None)),
        ("shrink_gt_and", ("while", "int", "gt", "shrink", "shrink_gt")),
        ("step_mod", ("step", "int", "mod", "shrink", None)),
        ("items_end", ("end", None, None, None, None)),
        ("if_list", ("conditional", "list", None, None, None)),
        ("repeat_str", ("repeat", "str", None, None, None)),
        ("endswith", ("operation", "bool", None, None, None)),
        ("min_list", ("operation", "int", None, None, None)),
    ],
)
def test_a_kind_has_its_family_type_operation_and_direction(name, traits):
    kind = language().named(name)
    found = (kind.family, kind.type, kind.operation, kind.direction, kind.unconditional)
    assert found == traits


def test_operations_are_kinds_of_expressions_over_the_type():
    of = language()
    for kind in of.kinds:
        if kind.operation is not None:
            operation = of.named(kind.operation)
            assert operation.children == (NONTERMINAL_OF[kind.type],) * 2
            assert operation.type == ("bool" if kind.family == "while" else kind.type)


def test_a_loop_without_its_condition_is_the_same_loop():
    of = language()
    loops = [kind for kind in of.kinds if kind.family == "while"]
    conditional = [kind for kind in loops if "BOOL" in kind.children]
    assert [kind for kind in loops if kind.unconditional] == conditional
    for kind in conditional:
        plain = of.named(kind.unconditional)
        assert (plain.operation, plain.direction) == (kind.operation, kind.direction)
        assert plain.children == tuple(name for name in kind.children if name != "BOOL")


def test_what_is_defined_or_used_has_a_type():
    for kind in language().kinds:
        is_typed = kind.defines or "SLOT" in kind.children or kind.lhs in TYPE_OF
        is_typed = is_typed or kind.family in ("program", "return", "step")
        assert (kind.type is not None) == is_typed


def test_kinds_of_one_name_are_of_one_family():
    of = language()
    assert {(kind.name, kind.family) for kind in of.kinds} == {
        (kind.name, of.family_of(kind.name)) for kind in of.kinds
    }
