import hashlib
import random

import pytest
from program_rules.reference import check_program

from models.programs.data.chunks import make_chunk, parameter_types_of
from models.programs.data.derive import tree_to_ids
from models.programs.data.generator import random_program
from models.programs.data.inputs import random_inputs
from models.programs.execution.interpreter import Interpreter
from models.programs.execution.outcomes import same_value
from models.programs.language.kinds import language
from models.programs.language.to_source import ids_to_source
from models.programs.language.versions import versions

RARE = {
    "slice_str", "word", "more", "shrink_gt_and", "while_ge_and", "index_list", "if_bool",
    "while_le_and", "int_str", "list_n", "items_end",
}  # fmt: skip
"""Kinds too rare to be asked for in a few hundred programs."""

FIRST_VERSION = 406
"""Productions that random programs are made of unless they are to be like people's."""


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
    missing = {kind.name for kind in language().kinds[:FIRST_VERSION]} - kinds_in(many)
    assert missing <= RARE


def test_drafts_have_one_to_four_parameters_of_all_types(many):
    assert {len(tree.args) for tree in many} == {1, 2, 3, 4}
    assert len({parameter.kind for tree in many for parameter in tree.args}) == 4
    assert len({tree.kind for tree in many}) == 4


@pytest.fixture(scope="module")
def human_drafts():
    rng = random.Random(12)
    return [random_program(rng, 100, "human") for _ in range(500)]


def test_drafts_like_peoples_use_what_was_added_to_the_language(human_drafts):
    drawn, kinds = kinds_in(human_drafts), language().kinds
    *_, before_sets, _ = sorted(versions().values())
    added = {kind.name for kind in kinds[FIRST_VERSION:before_sets]}
    assert len(added - drawn) < len(added) / 4, added - drawn
    rare = {kind.name for kind in kinds[before_sets:]}  # people have few sets and dictionaries
    assert len(rare & drawn) > len(rare) / 3, rare - drawn


def test_drafts_keep_the_rules(drafts, human_drafts):
    for tree in [*drafts[:100], *human_drafts]:
        check_program(tree_to_ids(tree))


def test_programs_like_peoples_keep_the_rules_when_they_are_shortened():
    for program in make_chunk(2, 0, 100, "human")[0]:
        check_program(program.ids)


def test_the_plain_style_never_changes():
    """Data sets are made anew from a seed: one number drawn more would give other programs."""
    rng = random.Random(7)
    text = str([tree_to_ids(random_program(rng, 80)) for _ in range(50)])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "326833959a409b71"


@pytest.mark.parametrize("style", ["drafts", "human_drafts"])
def test_drafts_do_the_same_in_python(style, in_cpython, request):
    """Drafts fail and loop more than what is kept of them."""
    drafts = request.getfixturevalue(style)[:200]
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
