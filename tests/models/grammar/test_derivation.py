import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from models.grammar.derivation import check_ids, pad, to_text
from models.grammar.grammar import Grammar, load_grammar
from models.grammar.masks import tables

PDE = load_grammar("pde")
U = [0, 5, 9, 36, 7, 4]
"""The shortest pde, `u`."""


def test_text_is_written_in_canonical_spacing():
    ids = [0, 5, 9, 12, 7, 3, 5, 9, 37, 38, 39, 46, 42, 6, 9, 17, 7, 2, 5, 8, 36, 11, 7, 4]
    assert to_text(PDE, ids) == "dt(u) - 1*dxx(u) + u^3"


def test_separator_stands_between_any_two_symbols():
    equations = load_grammar("equations")
    assert to_text(equations, [3, 6, 1, 3, 8, 10]) == "exp( 1 * 3 )"


def test_padding_behind_the_end_is_allowed():
    assert to_text(PDE, np.array([*U, -1, -1], dtype=np.int16)) == "u"


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([], r"step 0: the derivation ends while PDE is open"),
        (U[:-1], r"step 5: the derivation ends while SUM_T is open: it needs more steps"),
        ([*U[:-1], -1], r"step 5: the padding begins while SUM_T is open"),
        ([0, 5, 4], r"step 2: production 4 \(SUM_T ->\) expands SUM_T, but .* open .* is FACT"),
        ([0, 56], r"step 1: 56 is no production id: they are 0 to 55"),
        ([0, -2], r"step 1: -2 is no production id"),
        ([*U, 55], r"step 6: the derivation is complete here, but id 55 follows at step 6"),
        ([*U, -1, 4], r"step 6: the derivation is complete here, but id 4 follows at step 7"),
    ],
)
def test_bad_derivation_is_refused_with_its_step(ids, message):
    with pytest.raises(UserError, match=message):
        to_text(PDE, ids)
    with pytest.raises(UserError, match="row 0, " + message):
        check_ids(pad([ids]), PDE)


def test_rows_are_padded_to_the_longest():
    padded = pad([[1, 2, 3], [4]])
    assert padded.dtype == np.int16
    assert padded.tolist() == [[1, 2, 3], [4, -1, -1]]
    assert pad([], 4).shape == (0, 4)


def test_over_long_row_is_refused_not_cut():
    with pytest.raises(UserError, match=r"row 1 takes 3 steps, more than the 2 .* at least 3"):
        pad([[1], [1, 2, 3]], 2)


def test_ids_of_the_wrong_type_or_shape_are_refused():
    with pytest.raises(UserError, match=r"ids are float64 \(1, 2\): give whole numbers"):
        check_ids(np.zeros((1, 2)), PDE)
    with pytest.raises(UserError, match=r"ids are int64 \(2,\)"):
        check_ids(np.zeros(2, dtype=np.int64), PDE)


def test_reference_ids_are_legal(reference_data):
    with np.load(reference_data / "pde" / "reference_2000.npz") as reference:
        check_ids(reference["ids"], PDE)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_check_accepts_derivations_and_agrees_with_text_on_damaged_ones(
    data, random_grammars, random_steps
):
    grammar = data.draw(random_grammars)
    num_steps = tables(grammar).min_length + 8
    steps = [random_steps(data, grammar, num_steps) for _ in range(3)]
    rows = pad([[taken for taken, _, _ in row] for row in steps], num_steps)
    check_ids(rows, grammar)
    damaged = rows.copy()
    damaged[1, data.draw(st.integers(0, num_steps - 1))] = data.draw(
        st.integers(-2, grammar.num_productions)
    )
    try:
        to_text(grammar, damaged[1])
    except UserError as error:
        with pytest.raises(UserError, match="row 1, ") as caught:
            check_ids(damaged, grammar)
        assert str(caught.value) == f"row 1, {error}"
    else:
        check_ids(damaged, grammar)


def test_spaced_terminals_keep_single_spaces():
    mapping = {"start": "S", "productions": ["S -> '-' '+' 'x' '+'"], "spaced": ["+"]}
    assert to_text(Grammar.from_mapping(mapping, "g"), [0]) == "- + x +"
