import random

import pytest

from models.programs.data.chunks import parameter_types_of
from models.programs.data.derive import tree_to_ids
from models.programs.data.generator import random_program
from models.programs.data.inputs import random_inputs
from models.programs.execution.interpreter import Interpreter
from models.programs.execution.outcomes import same_value
from models.programs.language.kinds import language
from models.programs.language.to_source import ids_to_source

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


def test_drafts_do_the_same_in_python(drafts, in_cpython):
    """Drafts fail and loop more than what is kept of them."""
    rng = random.Random(3)
    interpreter = Interpreter()
    tasks, ours = [], []
    for tree in drafts:
        inputs = [random_inputs(parameter_types_of(tree), rng) for _ in range(5)]
        ids = tree_to_ids(tree)
        runs = zip(inputs, interpreter.run(ids, inputs), strict=True)
        runs = [(values, found) for values, found in runs if "limit" not in found.status]
        tasks.append((ids_to_source(ids), [values for values, _ in runs]))
        ours.append([found for _, found in runs])
    for outcomes, theirs in zip(ours, in_cpython(tasks), strict=True):
        for outcome, (status, content) in zip(outcomes, theirs, strict=True):
            assert outcome.status == status
            assert same_value(content, outcome.value if status == "value" else outcome.error)
    assert {outcome.status for outcomes in ours for outcome in outcomes} == {"value", "error"}
