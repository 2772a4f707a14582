"""Numbers of derivations, compared apart from the rest."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.grammar.derivation import pad
from models.grammar.grammar import Grammar, load_grammar
from models.grammar.parsing import TextParser
from models.grammar_vae.coefficients import (
    NumberReader,
    coefficient_errors,
    digit_productions,
    has_numbers,
)

PARSER = TextParser(load_grammar("pde"))
TEMPLATES = [
    "dt(u) - {}*dxx(u)",
    "dt(u) + u*dx(u) - {}*dxx(u)",
    "dxx(u) + dyy(u) - {}",
    "dtt(u) + {}*u^3 - {}*dxxxx(u)",
    "dt(u) - dxx(u) + u^2",
]
NUMBERS = st.integers(0, 5000).map(lambda thousandths: f"{thousandths / 1000:.3f}")


def errors(originals, decoded):
    ids = [pad([PARSER.derive(text) for text in texts]) for texts in (originals, decoded)]
    return coefficient_errors(PARSER.grammar, *ids)


@st.composite
def equations_and_numbers(draw):
    template = draw(st.sampled_from(TEMPLATES))
    numbers = [draw(NUMBERS) for _ in range(template.count("{}"))]
    return template.format(*numbers), template, [float(number) for number in numbers]


@settings(deadline=None, max_examples=50)
@given(equations_and_numbers())
def test_numbers_are_those_of_the_text(drawn):
    text, template, numbers = drawn
    skeleton, found = NumberReader(PARSER.grammar).split(PARSER.derive(text))
    assert list(found) == numbers
    other = template.format(*["7"] * len(numbers))
    assert NumberReader(PARSER.grammar).split(PARSER.derive(other))[0] == skeleton


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(equations_and_numbers(), equations_and_numbers()), min_size=1))
def test_errors_are_those_of_a_comparison_of_the_texts(pairs):
    result, same = errors([a[0] for a, _ in pairs], [b[0] for _, b in pairs])
    kept = [(a, b) for a, b in pairs if a[1] == b[1]]
    assert same.tolist() == [a[1] == b[1] for a, b in pairs]
    numbers = [pair for a, b in kept for pair in zip(a[2], b[2], strict=True)]
    assert result.num_coefficients == len(numbers)
    if numbers:
        differences = [abs(x - y) for x, y in numbers]
        assert result.wrong == sum(d > 0 for d in differences) / len(numbers)
        assert result.mean_absolute == pytest.approx(sum(differences) / len(numbers))
    relative = [abs(x - y) / x for x, y in numbers if x]
    if relative:
        assert result.mean_relative == pytest.approx(sum(relative) / len(relative))


@pytest.mark.parametrize(
    ("decoded", "same"),
    [
        ("dt(u) - 2*dxx(u)", True),
        ("dt(u) + 1.5*dxx(u)", False),  # a sign belongs to the sum
        ("dt(u) - 1.5*dyy(u)", False),
        ("dt(u) - 1.5*dxx(u) - 1", False),
    ],
)
def test_only_numbers_may_differ(decoded, same):
    result, rows = errors(["dt(u) - 1.5*dxx(u)"], [decoded])
    assert rows.tolist() == [same]
    assert result.same_skeleton == float(same)


def test_exponents_are_no_coefficients():
    _, rows = errors(["dt(u) - u^2"], ["dt(u) - u^3"])
    assert rows.tolist() == [False]


def test_the_same_value_written_otherwise_is_no_error():
    result, _ = errors(["dt(u) - 1.5*u", "dxx(u) - 0.0"], ["dt(u) - 1.500*u", "dxx(u) - 0.000"])
    assert (result.num_coefficients, result.wrong, result.mean_relative) == (2, 0.0, 0.0)


def test_rows_may_be_padded_differently():
    ids = pad([PARSER.derive("dt(u) - 1.5*u")])
    wide = pad([PARSER.derive("dt(u) - 2*u")], 60)
    result, _ = coefficient_errors(PARSER.grammar, ids, wide)
    assert (result.num_coefficients, result.mean_absolute) == (1, 0.5)


def test_only_grammars_with_numbers_have_coefficients():
    known = {name: has_numbers(load_grammar(name)) for name in ("pde", "equations", "smiles")}
    assert known == {"pde": True, "equations": False, "smiles": False}


def test_numbers_that_are_no_plain_numbers_are_not_compared():
    mapping = {
        "start": "S",
        "productions": ["S -> NUM", "S -> NUM '+' S", "NUM -> 'pi'", "NUM -> '3'", "NUM -> '4'"],
    }
    grammar = Grammar.from_mapping(mapping, "test")
    parser = TextParser(grammar)
    ids = [pad([parser.derive(text)]) for text in ("pi+3", "3+4")]
    result, same = coefficient_errors(grammar, *ids)
    assert same.tolist() == [True]
    assert (result.num_coefficients, result.mean_absolute) == (1, 1.0)
    assert math.isnan(NumberReader(grammar).split(parser.derive("pi"))[1][0])


def test_digit_productions_write_one_digit_of_a_number():
    grammar = load_grammar("pde")
    lines = [str(grammar.productions[i]) for i in np.flatnonzero(digit_productions(grammar))]
    assert lines == [f"DIGIT -> '{digit}'" for digit in range(10)]
    assert not any(re.match("POW", line) for line in lines)
