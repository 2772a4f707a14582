import numpy as np
import pytest

from models.errors import UserError
from models.programs.execution.example_text import Example
from models.programs.execution.limits import Limits
from models.programs.execution.outcomes import INVALID, Outcome
from models.programs.execution.program_pool import ProgramPool


@pytest.fixture(scope="module")
def pool():
    with ProgramPool(num_workers=2) as pool:
        yield pool


def values(outcomes):
    return [outcome.value for outcome in outcomes]


def test_outcomes_come_in_the_order_of_programs_and_inputs(pool, ids_of):
    programs = [ids_of("n: int", f"return n * {factor}") for factor in range(200)]
    found = pool.run([(ids, [(1,), (2,)]) for ids in programs])
    assert [values(each) for each in found] == [[factor, 2 * factor] for factor in range(200)]


def test_values_keep_their_types_on_the_way(pool, ids_of):
    ids = ids_of("n: int", "return chr(n)")
    halves = [(0xD83D,), (0xDE00,), (97,)]
    assert values(pool.run([(ids, halves)])[0]) == ["\ud83d", "\ude00", "a"]
    both = ids_of("n: int, m: int", "return chr(n) + chr(m)")
    assert values(pool.run([(both, [(0xD83D, 0xDE00)])])[0]) == ["\ud83d\ude00"]
    truth = pool.run([(ids_of("n: int", "return n > 0"), [(1,)])])[0][0].value
    assert truth is True
    large = pool.run([(ids_of("n: int", "return n * n"), [(10**40,)])])[0][0].value
    assert large == 10**80


def test_errors_and_invalid_programs_are_told_apart(pool, ids_of):
    ids = ids_of("xs: list", "return xs[0]")
    found = pool.run([(ids, [([],), ([5],)]), (ids[:-1], [([],)]), (ids, [])])
    assert found == [
        [Outcome(status="error", error="IndexError"), Outcome(status="value", value=5)],
        [INVALID],
        [],
    ]


def test_arrays_with_pad_ids_are_programs_too(pool, ids_of):
    ids = np.array([*ids_of("n: int", "return n + 1"), -1, -1], dtype=np.int16)
    assert values(pool.run([(ids, [(1,)])])[0]) == [2]


def test_examples_are_compared_by_type(pool, ids_of):
    truth = ids_of("n: int", "return n > 0")
    examples = [Example(inputs=(1,), output=out) for out in (True, 1, False)]
    failing = ids_of("n: int", "return 1 // n")
    tasks = [(truth, examples), (failing, [Example(inputs=(0,), output=0)]), (truth, [])]
    assert pool.passed(tasks) == [[True, False, False], [False], []]
    statuses = [[each.status for each in checked] for checked in pool.checked(tasks)]
    assert statuses == [["value", "value", "value"], ["error"], []]
    assert [each.ran for each in pool.checked(tasks)[1]] == [False]


def test_nothing_to_do_is_done(pool):
    assert pool.run([]) == []
    assert pool.passed([]) == []


def test_limits_reach_the_workers(ids_of):
    ids = ids_of("n: int", "for i in range(n):\n    n += 1\nreturn n")
    with ProgramPool(num_workers=1, limits=Limits(max_steps=50)) as pool:
        found = pool.run([(ids, [(2,), (1000,)])])[0]
    assert [outcome.status for outcome in found] == ["value", "step_limit"]


def test_a_closed_pool_starts_again(ids_of):
    ids = ids_of("n: int", "return n")
    with ProgramPool(num_workers=1) as pool:
        pool.run([(ids, [(1,)])])
        pool.close()
        assert pool.pids == []
        assert values(pool.run([(ids, [(1,)])])[0]) == [1]


def test_workers_that_were_started_before_do_the_work(ids_of):
    ids = ids_of("n: int", "return n")
    with ProgramPool(num_workers=2) as pool:
        pool.start()
        started = pool.pids
        pool.start()
        assert values(pool.run([(ids, [(1,)])])[0]) == [1]
        assert pool.pids == started
        assert len(started) == 2


def test_a_pool_needs_a_worker():
    with pytest.raises(UserError, match="num_workers is 0: take at least 1"):
        ProgramPool(num_workers=0)


def test_workers_that_do_not_start_are_told(ids_of):
    ids = ids_of("n: int", "return n")
    with (
        ProgramPool(num_workers=1, memory_mb=20) as pool,
        pytest.raises(UserError, match=r"worker processes do not start .* 20 MB"),
    ):
        pool.run([(ids, [(1,)])])
