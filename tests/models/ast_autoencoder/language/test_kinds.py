from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ast_autoencoder.language.kinds import MAX_PARAMETERS, NUM_SLOTS, TYPES, language
from models.grammar.derivation import to_text
from models.grammar.parsing import TextParser

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


@pytest.mark.parametrize("lhs", ["SLOT", "INT", "BOOL", "STR", "LIST"])
def test_every_slot_has_a_production_of_every_type(lhs):
    of = language()
    for slot in range(NUM_SLOTS):
        kind = of.kinds[of.slot_id(lhs, slot)]
        assert (kind.lhs, kind.name, kind.slot) == (lhs, "slot", slot)
    assert len(TYPES) == MAX_PARAMETERS == 4


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
def test_the_written_form_leads_back_to_the_derivation(data, program_ids):
    ids = data.draw(program_ids)
    grammar = language().grammar
    assert PARSER.derive(to_text(grammar, ids)) == ids


def test_only_what_closes_a_sequence_ends():
    ends = {kind.name for kind in language().kinds if kind.ends}
    assert ends == {"end", "digits_end", "chars_end", "items_end"}
