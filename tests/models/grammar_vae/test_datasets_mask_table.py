"""The table of a grammar, read off masks alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from models.grammar.derivation import pad
from models.grammar.grammar import load_grammar
from models.grammar.masks import packed_step_masks, tables
from models.grammar.parsing import TextParser
from models.grammar_vae.datasets.equations import generate_equations
from models.grammar_vae.datasets.mask_table import mask_table
from models.grammar_vae.datasets.pde import generate_pdes

GENERATE = {"pde": generate_pdes, "equations": generate_equations}


def arrays_of(name, num_rows, seed):
    grammar = load_grammar(name)
    parser = TextParser(grammar)
    ids = pad([parser.derive(text) for text in GENERATE[name](num_rows, seed).texts])
    return ids, packed_step_masks(ids, tables(grammar)), tables(grammar)


@given(name=st.sampled_from(["pde", "equations"]), rows=st.integers(1, 30), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_masks_give_the_nonterminals_that_occur(name, rows, seed):
    ids, packed, known = arrays_of(name, rows, seed)
    read = mask_table(ids, packed, known.num_productions)
    occurring = np.unique(known.lhs[ids[ids >= 0]])
    assert np.array_equal(read.table, known.mask[occurring])
    expected = {production for s in occurring for production in np.flatnonzero(known.mask[s])}
    assert set(np.flatnonzero(read.lhs >= 0)) == expected
    assert all(read.table[read.lhs[production], production] for production in expected)


def test_without_a_count_the_last_production_allowed_is_the_last():
    ids, packed, _ = arrays_of("equations", 10, 0)
    read = mask_table(ids, packed)
    assert read.lhs.tolist() == [0] * 4 + [1] * 7
    assert read.table.shape == (2, 11)


def test_published_masks_give_the_published_nonterminals(reference_data):
    with np.load(reference_data / "pde" / "reference_2000.npz") as arrays:
        read = mask_table(arrays["ids"], arrays["masks_packed"], 56)
    lhs = tables(load_grammar("pde")).lhs
    known = read.lhs >= 0
    assert known.sum() == 54  # neither SUM nor PAD ever occurs
    share, expected = (side[known][:, None] == side[known] for side in (read.lhs, lhs))
    assert np.array_equal(share, expected)


def change(packed, row, step, production):
    packed[row, step, production // 8] ^= 128 >> production % 8


@pytest.mark.parametrize(
    ("row", "step", "production", "message"),
    [
        (3, 2, 9, "row 3, step 2 holds production .* under another mask than row 0"),
        (2, -1, 0, "row 2, step .* is padding but its mask is not zero"),
    ],
)
def test_a_mask_that_differs_is_refused_with_its_place(row, step, production, message):
    ids, packed, _ = arrays_of("equations", 10, 0)
    ids, packed = (
        np.pad(ids, ((0, 0), (0, 1)), constant_values=-1),
        np.pad(packed, ((0, 0), (0, 1), (0, 0))),
    )
    change(packed, row, step, production)
    with pytest.raises(UserError, match=message):
        mask_table(ids, packed)


def test_a_mask_that_forbids_its_own_production_is_refused_with_its_place():
    ids = np.array([[0, 1]], dtype=np.int16)
    packed = np.packbits(np.array([[[1, 0], [1, 0]]], dtype=bool), axis=-1)
    with pytest.raises(UserError, match="row 0, step 1 holds production 1, which its mask forbids"):
        mask_table(ids, packed)


def test_masks_that_overlap_are_refused():
    ids = np.array([[0, 1]], dtype=np.int16)
    packed = np.packbits(np.array([[[1, 0, 1], [0, 1, 1]]], dtype=bool), axis=-1)
    with pytest.raises(UserError, match="production 2 is allowed by two different masks"):
        mask_table(ids, packed)


def test_a_mask_beyond_the_number_of_productions_is_refused():
    ids = np.array([[0]], dtype=np.int16)
    packed = np.packbits(np.array([[[1, 0, 1]]], dtype=bool), axis=-1)
    with pytest.raises(UserError, match="allow production 2, but there are 2 productions"):
        mask_table(ids, packed, 2)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (np.zeros((1, 2, 1), dtype=bool), r"masks are bool \(1, 2, 1\)"),
        (np.zeros((2, 2, 1), dtype=np.uint8), r"need uint8 \(1, 2, bytes\): pack them with"),
        (np.zeros((1, 2, 1), dtype=np.uint8), "masks hold 8 productions, but there are 10"),
    ],
)
def test_masks_of_another_shape_are_refused(masks, message):
    with pytest.raises(UserError, match=message):
        mask_table(np.array([[0, 9]], dtype=np.int16), masks)
