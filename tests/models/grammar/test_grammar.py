import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UserError
from models.grammar.grammar import BUILT_IN_GRAMMARS, Grammar, load_grammar


def test_pde_grammar_has_the_published_productions(reference_data):
    published = json.loads((reference_data / "pde" / "pde_grammar_56.json").read_text())
    grammar = load_grammar("pde")
    productions = [[item.lhs, [symbol.text for symbol in item.rhs]] for item in grammar.productions]
    assert productions == published["productions"]
    assert list(grammar.nonterminals) == published["nonterminals"]
    assert grammar.start == published["start"]
    assert grammar.pad_production == published["pad_production"]


def test_equations_grammar_has_the_twelve_productions_of_the_paper():
    grammar = load_grammar("equations")
    assert [str(item) for item in grammar.productions] == [
        "S -> S '+' T",
        "S -> S '*' T",
        "S -> S '/' T",
        "S -> T",
        "T -> '(' S ')'",
        "T -> 'sin(' S ')'",
        "T -> 'exp(' S ')'",
        "T -> 'x'",
        "T -> '1'",
        "T -> '2'",
        "T -> '3'",
        "Nothing ->",
    ]
    assert grammar.pad_production == 11


@pytest.mark.parametrize("name", BUILT_IN_GRAMMARS)
def test_built_in_grammar_survives_its_mapping(name):
    grammar = load_grammar(name)
    mapping = json.loads(json.dumps(grammar.to_mapping()))
    again = Grammar.from_mapping(mapping, "checkpoint")
    assert again == grammar
    assert again.digest == grammar.digest


@given(data=st.data())
def test_random_grammar_survives_its_mapping(data, random_grammars):
    grammar = data.draw(random_grammars)
    assert Grammar.from_mapping(grammar.to_mapping(), "x") == grammar


def test_digest_ignores_the_name_and_sees_the_order():
    lines = ["S -> 'a'", "S -> 'b'"]
    one = Grammar.from_mapping({"start": "S", "productions": lines}, "one.yaml")
    two = Grammar.from_mapping({"start": "S", "productions": lines}, "two.yaml")
    swapped = Grammar.from_mapping({"start": "S", "productions": lines[::-1]}, "one.yaml")
    assert (one.name, two.name) == ("one", "two")
    assert one.digest == two.digest
    assert one.digest != swapped.digest


def test_grammar_file_of_a_user_is_read(tmp_path):
    path = tmp_path / "sums.yaml"
    path.write_text("start: S\nproductions:\n  - S -> 'x'\n  - S -> 'x' '#' S  # a comment\n")
    grammar = load_grammar(str(path))
    assert grammar.name == "sums"
    assert [str(item) for item in grammar.productions] == ["S -> 'x'", "S -> 'x' '#' S"]


def test_unknown_grammar_lists_the_built_in_ones():
    with pytest.raises(
        UserError,
        match=r"'pdes'.*Did you mean 'pde'\? Built in: equations, pde, pde_wide, programs, smiles",
    ):
        load_grammar("pdes")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- S -> 'x'", r"a grammar file holds keys such as start: and productions:"),
        ("start: S", r"productions is missing"),
        ("strat: S\nproductions: [\"S -> 'x'\"]", r"unknown key 'strat'. Did you mean 'start'\?"),
        ("start: S\nproductions:\n  - S 'x'\n", r"production 0: \"S 'x'\" is not a production"),
    ],
)
def test_bad_grammar_file_is_named_with_its_mistake(tmp_path, content, message):
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=rf"bad\.yaml.*{message}"):
        load_grammar(str(path))


def test_digest_does_not_depend_on_how_white_space_is_read():
    mapping = {"start": "S", "productions": ["S -> 'a'"]}
    free = Grammar.from_mapping(mapping, "a")
    strict = Grammar.from_mapping({**mapping, "white_space": "none"}, "a")
    assert free.digest == strict.digest


def test_a_grammar_without_white_space_writes_none():
    mapping = {"start": "S", "productions": ["S -> 'a'"], "white_space": "none"}
    with pytest.raises(UserError, match="separator is ' ', but white_space: none says"):
        Grammar.from_mapping({**mapping, "separator": " "}, "a")
    with pytest.raises(UserError, match=r"spaced is \['a'\], but white_space: none says"):
        Grammar.from_mapping({**mapping, "spaced": ["a"]}, "a")
