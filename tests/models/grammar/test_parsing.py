import csv
import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from models.grammar.derivation import to_text
from models.grammar.grammar import Grammar, load_grammar
from models.grammar.masks import tables
from models.grammar.parsing import TextParser


@pytest.fixture(scope="module")
def pde():
    return TextParser(load_grammar("pde"))


@pytest.fixture(scope="module")
def equations():
    return TextParser(load_grammar("equations"))


def parser_of(*productions, **keys):
    mapping = {"start": "S", "productions": list(productions), **keys}
    return TextParser(Grammar.from_mapping(mapping, "test"))


def test_reference_strings_give_the_published_ids(reference_data, pde):
    with gzip.open(reference_data / "pde" / "pde_48000.csv.gz", "rt") as file:
        texts = [row["pde"] for row in csv.DictReader(file)]
    with np.load(reference_data / "pde" / "reference_2000.npz") as reference:
        rows, ids = reference["rows"], reference["ids"]
    for row, expected in zip(rows, ids, strict=True):
        assert pde.derive(texts[row]) == expected[expected >= 0].tolist()


def test_every_tenth_equation_comes_back_byte_for_byte(reference_data, equations):
    path = reference_data / "equations" / "equation2_15_dataset.txt.gz"
    with gzip.open(path, "rt") as file:
        texts = file.read().splitlines()[::10]
    assert [to_text(equations.grammar, equations.derive(text)) for text in texts] == texts


def test_built_in_grammars_are_lalr(pde, equations):
    assert (pde.algorithm, equations.algorithm) == ("lalr", "lalr")


def test_longest_match_makes_one_atom_of_a_run(pde):
    assert 32 in pde.derive("dt(u) + u*dx(u)")
    assert 31 in pde.derive("(dx(u))^2")
    # A coefficient before it does not change that.
    assert 32 in pde.derive("2.5*u*dx(u)")


@pytest.mark.parametrize(
    "text", ["dt(u)-1.5*dxx(u)", "dt(u) -1.5*dxx(u)", " dt( u ) -\t1.5 * dxx(u)\n"]
)
def test_spacing_around_symbols_does_not_matter(pde, text):
    assert to_text(pde.grammar, pde.derive(text)) == "dt(u) - 1.5*dxx(u)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            ".5*u",
            r"^row 7, column 1: unexpected '\.' in '\.5\*u': expected one of 'dt\(u\)', .*a digit$",
        ),
        ("1.*u", r"^row 7, column 3: unexpected '\*' in '1\.\*u': expected a digit$"),
        ("", r"^row 7, column 1: the text is empty: expected one of 'dt\(u\)', "),
        (" \t", r"^row 7, column 1: the text is empty"),
        ("dt(u) - q", r"^row 7, column 9: unexpected 'q' in 'dt\(u\) - q'"),
        ("dt(u) -", r"^row 7, column 8: the text ends too early in 'dt\(u\) -': expected one of "),
        ("dt(u", r"^row 7, column 5: the text ends too early after 'dt\(u' .* expected 'dt\(u\)'$"),
        ("u^4", r"^row 7, column 3: unexpected '4' in 'u\^4': expected one of '2', '3'$"),
        ("u u*dx(u)", r"^row 7, column 2: white space between 'u' and 'u' .* would join them"),
        ("dt(u) - 1. 5*u", r"^row 7, column 11: white space between '\.' and '5'"),
        (
            "dt(u) dx(u)",
            r"^row 7, column 7: unexpected 'd' .* one of '\+', '-', '\*', '\^', the end of",
        ),
    ],
)
def test_bad_text_is_refused_with_place_and_expectation(pde, text, message):
    with pytest.raises(UserError, match=message):
        pde.derive(text, "row 7")


def test_ambiguous_text_takes_the_first_production():
    ambiguous = parser_of("S -> A", "S -> B", "A -> 'q'", "B -> 'q'")
    assert ambiguous.algorithm == "earley"
    assert ambiguous.derive("q") == [0, 2]
    swapped = parser_of("S -> B", "S -> A", "A -> 'q'", "B -> 'q'")
    assert swapped.derive("q") == [0, 3]


def test_shift_reduce_conflict_falls_back_to_earley():
    # "if e if e x else x": Lark's LALR would bind the else without a word.
    dangling = parser_of("S -> 'i' S", "S -> 'i' S 'e' S", "S -> 'x'")
    assert dangling.algorithm == "earley"
    assert dangling.derive("iixex") == [0, 1, 2, 2]


def test_text_that_the_longest_match_would_lose_is_still_parsed():
    # After "a", both tokens "b" and "bc" are expected; only the shorter one leads to the end.
    parser = parser_of("S -> 'a' T", "T -> 'b' U", "T -> 'bc' 'd'", "U -> 'c' 'e'")
    assert parser.algorithm == "lalr"
    assert parser.derive("abcd") == [0, 2]
    assert parser.derive("abce") == [0, 1, 3]


def test_grammar_of_the_empty_text_accepts_it():
    assert parser_of("S -> 'a' S", "S ->").derive("") == [1]


def test_runs_cut_differently_count_as_the_first_production():
    assert parser_of("S -> 'a' 'b'", "S -> 'ab'").derive("ab") == [0]


def test_words_written_with_a_separator_may_be_parsed_back():
    parser = parser_of("S -> 'x' S", "S -> 'x'", separator=" ")
    assert to_text(parser.grammar, parser.derive("x x x")) == "x x x"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_texts_of_random_grammars_parse_to_a_derivation_of_the_same_text(
    data, random_grammars, random_steps
):
    grammar = data.draw(random_grammars)
    ids = [taken for taken, _, _ in random_steps(data, grammar, tables(grammar).min_length + 8)]
    text = to_text(grammar, ids)
    parser = TextParser(grammar)
    derived = parser.derive(text)
    assert to_text(grammar, derived).split() == text.split()
    assert parser.derive(to_text(grammar, derived)) == derived


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_pde_derivations_render_to_texts_that_parse_back(data, pde, random_steps):
    ids = [taken for taken, _, _ in random_steps(data, pde.grammar, 40)]
    text = to_text(pde.grammar, ids)
    derived = pde.derive(text)
    assert to_text(pde.grammar, derived) == text
    assert pde.derive("".join(text.split())) == derived


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_equation_derivations_are_unambiguous(data, equations, random_steps):
    ids = [taken for taken, _, _ in random_steps(data, equations.grammar, 15)]
    assert equations.derive(to_text(equations.grammar, ids)) == ids


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet="dtxuyz()+-*^.0123 sin", max_size=12))
def test_any_text_parses_or_is_refused_as_user_error(pde, text):
    try:
        derived = pde.derive(text, "row 1")
    except UserError as error:
        assert str(error).startswith("row 1, column ")
    else:
        assert to_text(pde.grammar, derived).replace(" ", "") == "".join(text.split())
