import pytest

from models.errors import UserError
from models.grammar.grammar import Grammar
from models.grammar.grammar_checks import reachable_nonterminals
from models.grammar.symbols import Production, Symbol, parse_production


def grammar_file(*productions, **keys):
    return {"start": "S", "productions": list(productions), **keys}


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (grammar_file(), r"no productions: list at least one"),
        (grammar_file("T -> 'a'"), r"no production defines the start symbol 'S': add one"),
        (
            grammar_file("S -> 'a' PRDO", "PROD -> 'b'"),
            r"production 0 \(S -> 'a' PRDO\) uses 'PRDO', which no production defines: add a "
            r"production for it, or put it in quotes if it is text. Did you mean 'PROD'\?",
        ),
        (
            grammar_file("S -> 'a'", "S -> 'b'", "S -> 'a'"),
            r"production 2 \(S -> 'a'\) repeats production 0: remove it",
        ),
        (
            grammar_file("S -> 'a'", "S -> T", "T -> 'b' T"),
            r"'T' can never be completed, .* as production 2 \(T -> 'b' T\): add a production of "
            r"'T' that ends",
        ),
        (grammar_file("S -> S", "S -> 'a'"), r"production 0 \(S -> S\) leads back to 'S'"),
        (
            grammar_file("S -> 'a'", "S -> T S", "T -> 'b'", "T ->"),
            r"production 1 \(S -> T S\) leads back to 'S' without adding text",
        ),
        (grammar_file("S -> 'a b'"), r"the terminal 'a b' contains white space"),
        (grammar_file("S -> 'a'", separator=","), r"separator ',' must be white space or empty"),
        (grammar_file("S -> 'ab'", spaced=["abb"]), r"spaced names 'abb', .* Did you mean 'ab'\?"),
        (grammar_file("S -> 'a'", pad="PAD"), r"pad names 'PAD', which no production defines"),
        (grammar_file("S -> 'a'", pad="S"), r"the pad symbol 'S' can be derived from 'S'"),
        (
            grammar_file("S -> 'a'", "PAD ->", "PAD -> 'p'", pad="PAD"),
            r"the pad symbol 'PAD' has 2 productions: leave one",
        ),
    ],
)
def test_grammar_mistake_names_production_and_remedy(mapping, message):
    with pytest.raises(UserError, match=message):
        Grammar.from_mapping(mapping, "my.yaml")


def test_all_mistakes_are_reported_at_once_with_the_file():
    mapping = grammar_file("S -> P", "S -> Q", "S -> P")
    with pytest.raises(UserError) as caught:
        Grammar.from_mapping(mapping, "my.yaml")
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert all(line.startswith("my.yaml: ") for line in lines)


def test_unreachable_endless_nonterminal_is_harmless():
    mapping = grammar_file("S -> 'a'", "T -> 'b' T")
    assert Grammar.from_mapping(mapping, "my.yaml").num_productions == 2


def test_pad_id_outside_the_productions_is_refused():
    with pytest.raises(UserError, match="pad production 3 is not one of 0 to 0"):
        Grammar(name="g", start="S", productions=(parse_production("S -> 'a'"),), pad_production=3)


def test_terminal_without_notation_is_refused():
    both_quotes = Production(lhs="S", rhs=(Symbol(text="'\"", is_terminal=True),))
    with pytest.raises(UserError, match=r"production 0 .* cannot be written on one line"):
        Grammar(name="g", start="S", productions=(both_quotes,))


def test_reachable_nonterminals_follow_right_hand_sides():
    productions = [parse_production(line) for line in ("S -> A 'x'", "A -> B", "B ->", "C -> S")]
    assert reachable_nonterminals("S", productions) == {"S", "A", "B"}
