"""Decoded programs on hidden examples."""

import numpy as np
import pytest

from models.ast_autoencoder.judging import Judge, examples_passed
from models.grammar.derivation import pad
from models.programs.execution.example_text import Example
from models.programs.execution.program_pool import ProgramPool
from models.programs.language.compiling import compile_program
from models.programs.language.from_source import source_to_ids


def ids_of(body, signature="v0: int"):
    return source_to_ids(f"def program({signature}) -> int:\n    return {body}\n").ids


DOUBLE, SQUARE, ZERO = ids_of("v0 * 2"), ids_of("v0 * v0"), ids_of("0")
EXAMPLES = [
    [Example(inputs=(2,), output=4), Example(inputs=(3,), output=6)],
    [Example(inputs=(0,), output=0), Example(inputs=(3,), output=9)],
]


@pytest.fixture
def judge(programs):
    dataset = programs(pad([list(DOUBLE), list(SQUARE)]), EXAMPLES)
    with ProgramPool(num_workers=1) as pool:
        yield Judge(dataset, pool)


ROWS = np.array([0, 1])


def test_programs_are_judged_by_the_examples_of_their_rows(judge):
    judged = judge.judge(ROWS, [SQUARE, ZERO], np.array([False, False]))
    assert [each.passed.tolist() for each in judged] == [[True, False], [True, False]]


def test_exact_programs_are_not_run(judge):
    judge.pool.close()
    judged = judge.judge(ROWS, [DOUBLE, SQUARE], np.array([True, True]))
    assert all(each.passed.all() and each.ran.all() for each in judged)
    assert judge.pool.pids == []


def test_a_program_of_other_parameters_satisfies_nothing(judge):
    other = ids_of("v0 * 2 + len(v1) * 0", "v0: int, v1: str")
    judged = judge.judge(ROWS[:1], [other], np.array([False]))
    assert not judged[0].passed.any()
    assert not judged[0].ran.any()


def test_runs_that_end_with_a_value_are_told_from_those_that_do_not(judge):
    failing = ids_of("6 // v0")  # 3 and 2 on the first row, an exception and 2 on the second
    judged = judge.judge(ROWS, [failing, failing], np.array([False, False]))
    assert [each.ran.tolist() for each in judged] == [[True, True], [False, True]]
    assert not any(each.passed.any() for each in judged)


def test_trivial_programs_are_rated(judge):
    assert judge.constant_rates(ROWS) == {
        "constant_one_example_rate": 0.5,
        "constant_all_examples_rate": 0.0,
    }
    assert judge.neighbour_rates(ROWS, ROWS[::-1].copy()) == {
        "neighbour_one_example_rate": 1.0,
        "neighbour_all_examples_rate": 0.0,
    }


def test_many_programs_run_on_the_same_examples():
    passed = examples_passed([DOUBLE, SQUARE, ZERO], EXAMPLES[0])
    assert passed.tolist() == [[True, True], [True, False], [False, False]]


def test_workers_say_of_programs_what_this_process_would(judge):
    programs = [DOUBLE, SQUARE, [*ZERO, -1]]
    found = judge.compiled(programs)
    assert found == [compile_program(ids) for ids in (DOUBLE, SQUARE, ZERO)]
    assert "v0 * 2" in found[0].source


def test_a_program_that_ends_its_worker_does_not_compile(programs):
    dataset = programs(pad([list(DOUBLE)]), EXAMPLES)
    with ProgramPool(num_workers=1, batch_timeout_s=1e-9) as pool:
        (found,) = Judge(dataset, pool).compiled([DOUBLE])
    assert not found.compiles
    assert "v0 * 2" in found.source
