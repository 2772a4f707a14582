import hashlib

import pytest

from models.programs.data.behaviour import CONSTANT, PROGRAM_LIMITS, observe
from models.programs.data.chunks import (
    CHUNK_PROGRAMS,
    FAILS_ALWAYS,
    MadeProgram,
    make_chunk,
    parameter_types_of,
    study,
)
from models.programs.data.derive import count_nodes
from models.programs.execution.interpreter import Interpreter
from models.programs.language.from_source import source_to_ids
from models.programs.language.to_source import ids_to_source
from models.programs.language.tree import to_tree


def test_a_chunk_depends_on_seed_and_number_alone(chunk):
    assert make_chunk(3, 0, 100) == chunk
    assert make_chunk(3, 1, 100) != chunk
    assert make_chunk(4, 0, 100) != chunk


def test_every_program_drawn_is_kept_or_accounted_for(chunk):
    programs, rejected = chunk
    assert len(programs) + sum(rejected.values()) == CHUNK_PROGRAMS
    assert len(programs) > 20


def test_kept_programs_are_worth_keeping(chunk):
    programs, _ = chunk
    assert len({made.behaviour for made in programs}) == len(programs)
    for made in programs:
        tree = to_tree(made.ids)
        executable = Interpreter(PROGRAM_LIMITS).compile_tree(tree)
        behaviour = observe(executable, parameter_types_of(tree), tree.type)
        assert behaviour is not None
        assert behaviour.flaw() is None
        assert behaviour.digest == made.behaviour
        assert made.num_nodes == count_nodes(made.ids) <= 100


def test_the_bound_on_nodes_holds():
    programs, _ = make_chunk(1, 0, 15)
    assert programs
    assert max(made.num_nodes for made in programs) <= 15


def test_kept_programs_do_the_same_in_python(chunk, in_cpython):
    programs, _ = chunk
    tasks = [
        (ids_to_source(made.ids), [each.inputs for each in made.examples]) for made in programs
    ]
    for made, found in zip(programs, in_cpython(tasks), strict=True):
        assert found == [("value", each.output) for each in made.examples]
        assert [type(value) for _, value in found] == [type(e.output) for e in made.examples]


def test_programs_travel_as_plain_values(chunk):
    programs, _ = chunk
    for made in programs:
        assert MadeProgram.from_plain(made.to_plain()) == made


def studied(body):
    return study(source_to_ids(f"def f(n: int):\n    {body}").ids, 0)


def test_given_programs_get_examples_unless_they_are_of_no_use():
    made = studied("return n + 1")
    assert isinstance(made, MadeProgram)
    assert all(each.output == each.inputs[0] + 1 for each in made.examples)
    assert isinstance(studied("return 10 // max(0, n)"), MadeProgram)  # fails on many probes
    assert studied("return 3 + 0 * n") == CONSTANT
    assert studied("return 10 // max(0, n - 500)") == FAILS_ALWAYS


@pytest.mark.parametrize(
    ("style", "digest"), [("plain", "f3c28ee71f992fb2"), ("human", "3f996a52c2febc20")]
)
def test_a_seed_gives_the_same_programs_for_good(style, digest):
    programs, rejected = make_chunk(7, 0, 100, style)
    content = repr([program.to_plain() for program in programs]) + repr(sorted(rejected.items()))
    assert hashlib.sha256(content.encode()).hexdigest()[:16] == digest
