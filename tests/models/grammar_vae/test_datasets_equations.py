"""Generated equations: all of one language, each once."""

import gzip
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from models.grammar.derivation import to_text
from models.grammar.grammar import load_grammar
from models.grammar.parsing import TextParser
from models.grammar_vae.datasets.equations import generate_equations

ALL = 122_880  # 48 binary expressions x 16 second parts x 160 third parts


def test_there_are_122880_distinct_equations():
    assert len(set(generate_equations(ALL, 0).texts)) == ALL


def test_one_equation_more_than_there_are_is_refused_with_the_maximum():
    with pytest.raises(UserError, match=r"122881.*122880 distinct equations.*122880 or fewer"):
        generate_equations(ALL + 1, 0)


@given(num_rows=st.integers(1, 500), more=st.integers(0, 500), seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_rows_are_distinct_and_a_smaller_draw_begins_a_larger_one(num_rows, more, seed):
    larger = generate_equations(num_rows + more, seed)
    smaller = generate_equations(num_rows, seed)
    assert len(set(larger.texts)) == num_rows + more
    assert smaller.texts == larger.texts[:num_rows]
    assert np.array_equal(smaller.labels, larger.labels[:num_rows])


def test_another_seed_gives_other_rows():
    assert generate_equations(50, 1).texts != generate_equations(50, 2).texts


def test_the_label_is_the_wrapping_of_the_second_and_third_part():
    rows = generate_equations(2000, 3)
    assert len(rows.label_names) == 28
    assert rows.labels.dtype == np.int16
    symbols = {"a": "[x123]", "o": "[+*/]"}
    for text, label in zip(rows.texts, rows.labels, strict=True):
        words = rows.label_names[label].split()
        assert re.fullmatch(" ".join(symbols.get(word, re.escape(word)) for word in words), text)


def test_every_row_is_a_text_of_the_grammar_in_its_canonical_spacing():
    grammar = load_grammar("equations")
    parser = TextParser(grammar)
    for text in generate_equations(300, 4).texts:
        assert to_text(grammar, parser.derive(text)) == text


@pytest.mark.parametrize(
    ("num_rows", "seed", "message"),
    [(0, 1, r"num_rows \(0\) must be at least 1"), (5, -1, r"seed \(-1\) must not be negative")],
)
def test_values_out_of_range_are_refused(num_rows, seed, message):
    with pytest.raises(UserError, match=message):
        generate_equations(num_rows, seed)


def test_all_published_equations_are_among_ours(reference_data):
    path = reference_data / "equations" / "equation2_15_dataset.txt.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        published = {line.rstrip("\n") for line in file}
    assert len(published) == 100_000
    assert published <= set(generate_equations(ALL, 5).texts)
