"""What the search says of a loop against what the interpreter makes of it."""

from itertools import count

import pytest

from models.programs.data.derive import tree_to_ids
from models.programs.execution.interpreter import Interpreter
from models.programs.language.from_source import source_to_ids
from models.programs.language.kinds import SLOT
from models.programs.language.to_source import ids_to_source
from models.programs.language.tree import Node
from models.programs.synthesis.bodies import Body
from models.programs.synthesis.costs import learned_costs
from models.programs.synthesis.deadline import Deadline
from models.programs.synthesis.entries import variable
from models.programs.synthesis.loop_search import LoopSearch
from models.programs.synthesis.loops import Problem
from models.programs.synthesis.recurrences import Recurrence
from models.programs.synthesis.writing import Block, Writer, from_plain

SIGNATURES = {
    "list": (("list",), [([3, 1, 2],), ([],), ([-4, 4, 0, 7],)]),
    "text and number": (("str", "int"), [("a bc a", 2), ("", 0), ("xyz zz", 3)]),
    "numbers": (("int", "int"), [(3, 5), (0, 1), (6, 2), (4, 4)]),
}


COSTS = {"list": 33, "text and number": 33, "numbers": 38}


def program_of(types, returns, statements):
    params = tuple(Node(kind=f"param_{kind}", slot=slot) for slot, kind in enumerate(types))
    return Node(kind=f"program_{returns}", args=params, blocks=(tuple(statements),))


def loop_search(types, inputs, returns, outputs, share=0, shares=1):
    return LoopSearch(
        types=types, inputs=inputs, returns=returns, outputs=outputs, given=(), share=share,
        shares=shares, seconds=600.0, processor=False,
    )  # fmt: skip


def searched(types, inputs, returns, outputs, cost):
    search = loop_search(types, inputs, returns, outputs)
    arrived = []
    for each in range(cost):
        level = search.level(each)
        assert level is not None
        arrived += level[0]
    return search, arrived, level[1]


@pytest.mark.parametrize("name", SIGNATURES)
def test_what_a_loop_builds_up_is_what_its_statements_compute(name):
    types, inputs = SIGNATURES[name]
    search, arrived, _ = searched(types, inputs, "int", [0] * len(inputs), COSTS[name])
    assert len(arrived) > 10
    interpreter = Interpreter()
    step = max(1, len(arrived) // 400)
    kinds = set()
    for value_type, values, number in arrived[::step]:
        ((plain, slot),), _ = search.write([number], [])
        value = Node(kind=f"return_{value_type}", args=(Node(kind=SLOT, slot=slot),))
        tree = program_of(types, value_type, [*map(from_plain, plain), value])
        ids = tree_to_ids(tree)
        source = ids_to_source(ids)
        kinds |= {statement.kind for statement in tree.blocks[0]}
        assert source_to_ids(source).ids == ids, source
        for outcome, expected in zip(interpreter.run(ids, inputs), values, strict=True):
            if expected is None:
                assert outcome.status != "value", source
            else:
                assert outcome.returned(expected), source
    assert len([kind for kind in kinds if kind.startswith("for_")]) > 1


def test_a_loop_returns_early_just_where_the_search_says():
    types, inputs = ("list", "int"), [([1, 5], 3), ([], 0), ([2, 2], 2), ([9], 1), ([0, 4, 4], 4)]
    outputs = [True, False, False, True, False]
    search, _, guards = searched(types, inputs, "bool", outputs, 36)
    assert len(guards) > 2
    interpreter = Interpreter()
    for (fired, _), number in zip(guards, count(), strict=False):
        # What is returned behind the loop is wrong everywhere.
        for last in (True, False):
            _, (plain,) = search.write([], [fired])
            value = Node(kind="return_bool", args=(Node(kind="constant", value=last),))
            ids = tree_to_ids(program_of(types, "bool", [*map(from_plain, plain), value]))
            for place, outcome in enumerate(interpreter.run(ids, inputs)):
                early = bool(fired >> place & 1)
                assert outcome.returned(outputs[place] if early else last), (number, place)


def test_a_variable_may_depend_on_its_last_two_values():
    inputs, fibonacci = [(0,), (1,), (2,), (7,), (9,)], (0, 1, 1, 13, 34)
    problem = Problem(
        costs=learned_costs(), deadline=Deadline(600.0), outputs=fibonacci, returns="int", given=()
    )
    body = Body(problem, [variable("int", [n for (n,) in inputs], 0, 0)], range(5), max_cost=8)
    for cost in range(14):
        body.level(cost)
    loop = body._loops[0]
    assert loop.head is not None
    assert loop.head.kind == "for_range_1"
    runs = Recurrence(loop, "int", order=2)
    found = [run for total in range(loop.offset + 48) for run in runs.found(total)]
    right = next(run for run in found if run.values == fibonacci)
    block = Block(statements=[], variables={}, results={})
    slot = Writer(problem.slots).result(right, block)
    value = Node(kind="return_int", args=(Node(kind=SLOT, slot=slot),))
    ids = tree_to_ids(program_of(("int",), "int", [*block.statements, value]))
    assert source_to_ids(ids_to_source(ids)).ids == ids
    outcomes = Interpreter().run(ids, inputs)
    assert [outcome.value for outcome in outcomes] == list(fibonacci)


def test_shares_of_the_loops_make_up_all_of_them():
    types, inputs = SIGNATURES["list"]
    outputs = [0, 0, 0]
    _, whole, _ = searched(types, inputs, "int", outputs, 29)
    parts = [loop_search(types, inputs, "int", outputs, n, 2) for n in range(2)]
    found = [each for part in parts for cost in range(29) for each in part.level(cost)[0]]
    assert {(kind, repr(values)) for kind, values, _ in whole} == {
        (kind, repr(values)) for kind, values, _ in found
    }
