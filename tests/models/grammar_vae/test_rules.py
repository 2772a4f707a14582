"""What the grammar allows, against a plain stack."""

from dataclasses import replace

import numpy as np
import torch

from models.grammar_vae.data import mask_table
from models.grammar_vae.rules import build_rules


def competitors_of(grammar, production):
    left = grammar.productions[production].lhs
    return [i for i, item in enumerate(grammar.productions) if item.lhs == left]


def test_productions_with_the_same_left_side_compete(equations):
    rules = build_rules(equations, "cpu")
    ids = torch.as_tensor(equations.ids[:20]).long()
    competing = rules.competing(ids)
    assert competing.shape == (20, 14, 12)
    for row in range(20):
        for step in range(int(equations.lengths[row])):
            expected = competitors_of(equations.grammar, int(ids[row, step]))
            assert competing[row, step].nonzero().flatten().tolist() == expected


def test_the_production_that_was_taken_is_always_allowed(equations):
    rules = build_rules(equations, "cpu")
    ids = torch.as_tensor(equations.ids).long()
    real = ids >= 0
    for allowed in (rules.competing(ids), rules.allowed(ids)):
        taken = allowed.gather(2, ids.clamp(min=0)[..., None]).squeeze(2)
        assert taken[real].all()


def test_decoding_may_choose_no_more_than_competes(equations):
    rules = build_rules(equations, "cpu")
    ids = torch.as_tensor(equations.ids).long()
    real = (ids >= 0)[..., None]
    allowed, competing = rules.allowed(ids), rules.competing(ids)
    assert not (allowed & ~competing & real).any()
    assert (competing & ~allowed & real).any()  # some no longer close in the steps that are left


def test_the_last_steps_of_the_longest_rows_allow_only_what_closes(equations):
    rules = build_rules(equations, "cpu")
    longest = equations.ids[equations.lengths == equations.ids.shape[1]]
    allowed = rules.allowed(torch.as_tensor(longest).long())[:, -1]
    closing = [i for i, item in enumerate(equations.grammar.productions) if not item.nonterminals]
    assert set(allowed.nonzero()[:, 1].tolist()) <= set(closing)


def test_without_a_grammar_the_mask_table_says_what_competes(equations):
    ids = equations.ids
    masks = np.packbits(equations.table[equations.left_sides[ids]] & (ids >= 0)[..., None], axis=-1)
    known = mask_table(ids, masks)
    bare = replace(equations, grammar=None, left_sides=known.lhs, table=known.table)
    rules = build_rules(bare, "cpu")
    assert rules.tables is None
    rows = torch.as_tensor(ids[:50]).long()
    real = (rows >= 0)[..., None]
    expected = build_rules(equations, "cpu").competing(rows) & real
    width = known.table.shape[1]
    assert torch.equal((rules.competing(rows) & real)[..., :12], expected[..., :width])
    assert torch.equal(rules.allowed(rows), rules.competing(rows))
