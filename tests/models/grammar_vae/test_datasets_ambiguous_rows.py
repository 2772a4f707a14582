from models.training.contracts import silent
from models.grammar.grammar import Grammar, load_grammar
from models.grammar.parsing import TextParser
from models.grammar_vae.datasets.ambiguous_rows import ambiguity_notes


def notes(grammar, texts):
    return ambiguity_notes(TextParser(grammar), texts, lambda row: f"row {row}", silent)


def grammar_of(*productions):
    return Grammar.from_mapping({"start": "S", "productions": list(productions)}, "mine")


SUMS = grammar_of("S -> S '+' S", "S -> 'x'")


def test_rows_with_two_derivations_are_named_with_the_rule():
    first, row, last = notes(SUMS, ["x", "x+x", "x+x+x"])
    assert first.startswith(
        "the grammar mine is ambiguous: 1 of 3 rows looked at have two derivations; taken is the "
        "production that stands first in the grammar, always."
    )
    assert row == "row 2 ('x+x+x'): production 0 (S -> S '+' S) in two ways"
    assert last.startswith("the grammar mine is not LALR(1): its texts are parsed by a slower")


def test_at_most_200_rows_are_looked_at_and_three_shown():
    said = notes(SUMS, ["x+x+x"] * 1000)
    assert "200 of 200 rows" in said[0]
    assert [line.partition(" (")[0] for line in said[1:-1]] == ["row 0", "row 5", "row 10"]


def test_the_longest_match_is_told_as_the_rule_where_it_decides():
    said = notes(load_grammar("pde"), ["dt(u) + u*dx(u)"])
    assert "taken is the longest match of terminals, always" in said[0]
    assert len(said) == 2


def test_a_grammar_proven_unambiguous_costs_no_search():
    assert notes(load_grammar("equations"), ["no text of it"]) == []


def test_productions_that_spell_the_same_are_told():
    said = notes(grammar_of("S -> 'a' 'b'", "S -> 'ab'"), ["ab"])
    assert said == [
        "the grammar mine: production 1 (S -> 'ab') spells the same as production 0 "
        "(S -> 'a' 'b'), which is always taken: remove one"
    ]
