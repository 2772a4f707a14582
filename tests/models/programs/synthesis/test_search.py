"""Programs from examples by enumeration."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from models.programs.execution.example_text import Example
from models.programs.execution.interpreter import Interpreter
from models.programs.language.from_source import source_to_ids
from models.programs.language.to_source import ids_to_source
from models.programs.synthesis import enumerated, search
from models.programs.synthesis.bodies import Body
from models.programs.synthesis.deadline import Deadline
from models.programs.synthesis.loop_search import LoopSearch
from models.programs.synthesis.search import search_programs


def examples_of(function, *inputs):
    return [Example(inputs=each, output=function(*each)) for each in inputs]


def any_below_zero(xs):
    return any(sum(xs[: n + 1]) < 0 for n in range(len(xs)))


CASES = {
    "an expression": (
        ("int", "int"), "int", lambda a, b: a * b - a, [(2, 3), (5, 1), (0, 4), (7, 7)],
    ),
    "no loop where none is needed": (
        ("str",), "bool", lambda s: s == s[::-1],
        [("abba",), ("abc",), ("",), ("xyx",), ("hello",), ("ab",)],
    ),
    "a loop that counts": (
        ("str",), "int", lambda s: sum(c in "aeiou" for c in s),
        [("hello",), ("",), ("xyz",), ("education",), ("apple pie",)],
    ),
    "a loop that returns early": (
        ("list", "int"), "bool", lambda xs, t: all(x < t for x in xs),
        [([1, 2, 4], 100), ([1, 20, 4], 5), ([1, 8, 10], 10), ([], 3), ([7], 7), ([5, 2], 3),
         ([-5, 0], 0), ([1, 2, 3], 4)],
    ),
    "a loop where the language has no operator": (
        ("int",), "int", lambda n: 2**n, [(0,), (1,), (3,), (5,), (8,)],
    ),
    "two returns": (
        ("int", "int"), "int", lambda a, b: a if a <= b else 0,
        [(1, 2), (5, 3), (4, 4), (9, 0), (-2, 7), (8, 2)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_program_that_satisfies_all_examples_is_found(name):
    types, returns, function, inputs = CASES[name]
    examples = examples_of(function, *inputs)
    found = search_programs(types, returns, examples, seconds=60, processor=True)
    assert found.num_passed == len(examples)
    outcomes = Interpreter().run(found.program, inputs)
    assert all(o.returned(e.output) for o, e in zip(outcomes, examples, strict=True))
    source = ids_to_source(found.program)
    assert source_to_ids(source).ids == found.program
    assert ("for " in source) == name.startswith("a loop"), source


def test_the_same_examples_give_the_same_program():
    examples = examples_of(lambda xs: len(xs) - 1, ([3, 1],), ([5],), ([9, 2, 4],))
    one, other = (
        search_programs(("list",), "int", examples, seconds=60, processor=True) for _ in range(2)
    )
    assert one.program == other.program
    assert one.num_tried == other.num_tried
    assert one.cost == other.cost


OUTPUTS = [38104, 70731, 99120, 60231, 45093, 51007]
IN_VAIN = [Example(inputs=(n,), output=each) for n, each in enumerate(OUTPUTS, start=1)]
IN_VAIN += [Example(inputs=(12,), output=13), Example(inputs=(13,), output=14)]


def test_a_search_in_vain_ends_in_time():
    start = time.monotonic()
    found = search_programs(("int",), "int", IN_VAIN, seconds=1)
    assert time.monotonic() - start < 40  # the machine may be busy; a worker is waited for
    assert found.num_passed < len(IN_VAIN)


def test_a_search_in_vain_ends_with_the_best_program():
    examples, told = IN_VAIN, []
    found = search_programs(
        ("int",), "int", examples, seconds=1.5, processor=True, on_level=told.append
    )
    assert 2 <= found.num_passed < len(examples)  # `n + 1` is right on two
    outcomes = Interpreter().run(found.program, [each.inputs for each in examples])
    right = [o.returned(each.output) for o, each in zip(outcomes, examples, strict=True)]
    assert sum(right) == found.num_passed
    assert [each.cost for each in told] == list(range(len(told)))


def test_a_program_that_the_language_refuses_ends_no_search(monkeypatch):
    # As if a variable might be an exponent: `v0 ** v1` fits everything, and cannot be read again.
    monkeypatch.setattr(enumerated, "_WRITTEN_OUT", {})
    enumerated.enumerated.cache_clear()
    examples = examples_of(lambda a, b: a**b, (2, 3), (5, 1), (3, 0), (7, 2), (1, 9))
    passed = []
    found = search_programs(
        ("int", "int"), "int", examples, seconds=2, processor=True,
        on_level=lambda answer: passed.append(answer.num_passed),
    )  # fmt: skip
    enumerated.enumerated.cache_clear()
    assert passed.count(len(examples)) > 1  # it went on behind it
    source = ids_to_source(found.program)
    assert source_to_ids(source).ids == found.program
    assert "** v" not in source


def test_an_example_that_was_not_shown_to_the_search_is_satisfied_too():
    # Of more than ten some are shown at first; `n` fits all but a large one.
    examples = examples_of(lambda n: n % 100, *((n,) for n in range(1, 12)), (500,))
    found = search_programs(("int",), "int", examples, seconds=60, processor=True)
    assert found.num_passed == 12


def test_nothing_that_fits_any_example_gives_no_program():
    examples = [Example(inputs=("ab",), output="QXZJ"), Example(inputs=("c",), output="JKWV")]
    found = search_programs(("str",), "str", examples, seconds=1, processor=True)
    assert found.program == ()
    assert found.num_passed == 0
    assert found.num_tried > 0


def workers_of(parent):
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, IndexError):
            if f"\nPPid:\t{parent}\n" in (entry / "status").read_text():
                line = (entry / "cmdline").read_bytes().split(b"\0")
                found += [int(entry.name)] if b"models.programs.synthesis.worker" in line else []
    return found


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux' /proc")
@pytest.mark.parametrize("cost", [2, 16])
def test_a_worker_that_dies_is_told_and_what_is_known_without_it_is_returned(cost):
    def kill(answer):
        if answer.cost == cost:
            os.kill(workers_of(os.getpid())[-1], signal.SIGKILL)

    found = search_programs(("int",), "int", IN_VAIN, seconds=40, on_level=kill)
    assert found.cost <= cost + 2
    assert "out of memory (each of 2 may take 3,000 MB)" in found.cut
    assert found.num_passed == (2 if cost == 16 else found.num_passed)
    assert workers_of(os.getpid()) == []


def test_loops_that_fill_the_memory_are_told(monkeypatch):
    def full(body, total):
        raise MemoryError

    loops = LoopSearch(
        types=("int",), inputs=[(1,), (2,)], returns="int", outputs=[1, 4], given=(), share=0,
        shares=1, seconds=60, processor=True,
    )  # fmt: skip
    assert [loops.level(cost)[-1] for cost in range(3)] == [False] * 3
    monkeypatch.setattr(Body, "level", full)
    assert loops.level(3)[-1]
    with search._Search(
        ("int",), "int", examples_of(abs, (1,)), Deadline(60), processor=True
    ) as of:
        of._level(0, [([], [], 0, 0.0, False), ([], [], 0, 0.0, True)])
        assert "loops were looked at only in part" in of._answer(0, search.Answer()).cut
