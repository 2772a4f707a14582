import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from models.grammar.derivation import pad
from models.grammar.grammar import load_grammar
from models.grammar.masks import (
    check_masks,
    pack_masks,
    packed_step_masks,
    step_masks,
    tables,
    unpack_masks,
)

PDE = tables(load_grammar("pde"))
U = [0, 5, 9, 36, 7, 4]


def test_pde_tables_hold_the_lengths_counted_by_hand():
    assert PDE.mask.shape == (14, 56)
    assert PDE.mask.sum() == 56
    assert PDE.min_length == 6  # PDE, PROD, FACT, ATOM, PROD_T, SUM_T
    assert PDE.closing_steps[[0, 2, 4, 41]].tolist() == [5, 5, 0, 2]
    assert PDE.rhs_nonterminals[[4, 5, 38]].tolist() == [[-1, -1], [5, 4], [9, -1]]


def test_masks_equal_the_published_ones(reference_data):
    with np.load(reference_data / "pde" / "reference_2000.npz") as reference:
        ids, packed = reference["ids"], reference["masks_packed"]
    assert (packed_step_masks(ids, PDE) == packed).all()
    check_masks(ids, packed, PDE)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_masks_equal_those_of_a_stack_machine(data, random_grammars, random_steps):
    grammar = data.draw(random_grammars)
    num_steps = tables(grammar).min_length + 8
    steps = random_steps(data, grammar, num_steps)
    ids = pad([[taken for taken, _, _ in steps]], num_steps)
    masks = step_masks(ids, tables(grammar))
    assert masks.shape == (1, num_steps, grammar.num_productions)
    for step, mask in enumerate(masks[0]):
        legal = steps[step][1] if step < len(steps) else []
        assert np.flatnonzero(mask).tolist() == legal
    assert (packed_step_masks(ids, tables(grammar)) == pack_masks(masks)).all()


@pytest.mark.parametrize("num_productions", [1, 7, 8, 12, 56])
def test_packing_round_trips_and_fills_with_zeros(num_productions):
    masks = np.random.default_rng(0).random((3, 5, num_productions)) < 0.5
    packed = pack_masks(masks)
    assert packed.shape == (3, 5, -(-num_productions // 8))
    assert (unpack_masks(packed, num_productions) == masks).all()
    assert not unpack_masks(packed, 8 * packed.shape[-1])[..., num_productions:].any()


def test_wrong_mask_is_reported_with_row_and_step():
    ids = pad([U] * 5000, 8)
    packed = packed_step_masks(ids, PDE)
    check_masks(ids, packed, PDE)
    packed[4500, 3, 0] ^= 1
    with pytest.raises(UserError, match=r"row 4500, step 3: the mask allows productions \[7, 12,"):
        check_masks(ids, packed, PDE)


def test_mask_at_a_pad_step_is_reported():
    ids = pad([U], 8)
    packed = packed_step_masks(ids, PDE)
    packed[0, 7, 6] = 1
    with pytest.raises(UserError, match=r"row 0, step 7: .* productions \[55\], the grammar \[\]"):
        check_masks(ids, packed, PDE)


def test_masks_of_another_shape_are_refused():
    ids = pad([U])
    with pytest.raises(UserError, match=r"masks are uint8 \(1, 6, 8\), .* need uint8 \(1, 6, 7\)"):
        check_masks(ids, np.zeros((1, 6, 8), dtype=np.uint8), PDE)
