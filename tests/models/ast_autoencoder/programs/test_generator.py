import random

import pytest

from models.ast_autoencoder.language.kinds import language
from models.ast_autoencoder.programs.derive import tree_to_ids
from models.ast_autoencoder.programs.generator import random_program

RARE = {
    "slice_str", "word", "more", "shrink_gt_and", "while_ge_and", "index_list", "if_bool",
    "while_le_and", "int_str", "list_n", "items_end",
}  # fmt: skip
"""Kinds too rare to be asked for in a few hundred programs."""


@pytest.fixture(scope="module")
def many(drafts):
    """800 drafts."""
    rng = random.Random(11)
    return [*drafts, *(random_program(rng, 100) for _ in range(600))]


def kinds_in(trees):
    kinds = language().kinds
    return {kinds[production_id].name for tree in trees for production_id in tree_to_ids(tree)}


def test_the_seed_decides_the_programs():
    def draw(seed):
        rng = random.Random(seed)
        return [random_program(rng, 80) for _ in range(20)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_drafts_use_nearly_all_kinds_of_the_language(many):
    missing = {kind.name for kind in language().kinds} - kinds_in(many)
    assert missing <= RARE


def test_drafts_have_one_to_four_parameters_of_all_types(many):
    assert {len(tree.args) for tree in many} == {1, 2, 3, 4}
    assert len({parameter.kind for tree in many for parameter in tree.args}) == 4
    assert len({tree.kind for tree in many}) == 4
