"""Programs and accidents that try to take the pool, its workers or its parent down."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from models.programs.execution.limits import Limits
from models.programs.execution.program_pool import ProgramPool
from models.programs.language.from_source import source_to_ids
from models.programs.language.kinds import language

GOOD = source_to_ids("def f(n: int):\n    return n + 1").ids
SLOW = source_to_ids("def f(n: int):\n    for i in range(n):\n        n += 1\n    return n").ids

ATTACKS = {
    "for i in range(2000000000):\n    n += 1\nreturn n": "step_limit",
    "i = 0\nwhile i < 2000000000:\n    i += 1\nreturn i": "step_limit",
    "for i in range(99):\n    for j in range(9999):\n        n *= 10\nreturn n": "size_limit",
    "return 'ab' * 10000000000 * 10000000000": "size_limit",
    "xs = [n]\nfor i in range(9999):\n    xs += xs\nreturn xs": "size_limit",
    "s = 'aa'\nfor i in range(9999):\n    s = s.replace('a', s)\nreturn s": "size_limit",
    "return list(range(n * 1000000000000))": "size_limit",
}


def nested(depth):
    of = language()
    head = [of.id_of("program_int"), of.id_of("last_int"), of.id_of("return_int")]
    return [*head, *[of.id_of("neg")] * depth, of.slot_id("INT", 0)]


def is_running(pid):
    with contextlib.suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def wait_until_gone(pids, seconds=20):
    deadline = time.monotonic() + seconds
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(is_running, pids))


def values(results):
    return [[outcome.value for outcome in outcomes] for outcomes in results]


def test_hostile_programs_are_classified_and_their_neighbours_run():
    sources = [f"def f(n: int):\n{textwrap.indent(body, '    ')}" for body in ATTACKS]
    hostile = [source_to_ids(source).ids for source in sources] + [nested(500), nested(4000)]
    expected = [*ATTACKS.values(), "size_limit", "size_limit"]
    start = time.monotonic()
    with ProgramPool(num_workers=2) as pool:
        found = pool.run([(ids, [(3,)] * 5) for ids in [*hostile, GOOD]])
        pids = pool.pids
    assert [{outcome.status for outcome in each} for each in found] == [
        *({status} for status in expected),
        {"value"},
    ]
    assert time.monotonic() - start < 60
    wait_until_gone(pids)


def test_only_the_program_that_takes_too_long_is_charged_with_it():
    endless = Limits(max_steps=10**15)
    with ProgramPool(num_workers=1, limits=endless, batch_timeout_s=2.0) as pool:
        found = pool.run([(GOOD, [(1,)]), (SLOW, [(10**12,)] * 2), (GOOD, [(2,)])])
    assert [[o.status for o in each] for each in found] == [
        ["value"],
        ["time_limit", "time_limit"],
        ["value"],
    ]


def test_only_the_program_that_exhausts_memory_is_charged_with_it():
    roomy = Limits(max_length=10**8, max_steps=10**6)
    greedy = source_to_ids("def f(n: int):\n    return [n] * 3000000").ids
    with ProgramPool(num_workers=1, limits=roomy, memory_mb=256) as pool:
        found = pool.run([(GOOD, [(1,)]), (greedy, [(1,)] * 40), (GOOD, [(2,)])])
        assert values(pool.run([(GOOD, [(3,)])])) == [[4]]
    assert {o.status for o in found[1]} == {"worker_died"}
    assert values([found[0], found[2]]) == [[2], [3]]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_killed_in_mid_task_costs_nothing_but_time(number):
    tasks = [(SLOW, [(300,)] * 5)] * 2000
    with ProgramPool(num_workers=2) as pool:
        pool.run(tasks[:2])
        first = pool.pids
        killer = threading.Timer(0.15, lambda: [os.kill(pid, number) for pid in first])
        killer.start()
        found = pool.run(tasks)
        killer.join()
        assert not set(first) & set(pool.pids)
    assert all(each == [600] * 5 for each in values(found))
    wait_until_gone(first)


def test_workers_killed_while_idle_are_replaced():
    with ProgramPool(num_workers=2) as pool:
        pool.run([(GOOD, [(1,)])] * 20)
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
        assert values(pool.run([(GOOD, [(1,)])])) == [[2]]


def test_a_worker_that_stands_still_is_replaced():
    with ProgramPool(num_workers=1, batch_timeout_s=2.0) as pool:
        pool.run([(GOOD, [(1,)])])
        os.kill(pool.pids[0], signal.SIGSTOP)
        assert values(pool.run([(GOOD, [(1,)])] * 3)) == [[2]] * 3


def test_an_interrupted_run_leaves_no_results_to_the_next():
    tasks = [(SLOW, [(1000,)] * 5)] * 2000
    with ProgramPool(num_workers=2) as pool:
        pool.run(tasks[:2])
        timer = threading.Timer(0.15, lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            pool.run(tasks)
        timer.join()
        assert values(pool.run([(GOOD, [(n,)]) for n in range(50)])) == [[n + 1] for n in range(50)]


def test_a_forgotten_pool_leaves_no_process():
    pool = ProgramPool(num_workers=2)
    pool.run([(GOOD, [(1,)])] * 20)
    pids = pool.pids
    del pool
    gc.collect()
    wait_until_gone(pids)


PARENT = """
import sys, time
from models.programs.execution.limits import Limits
from models.programs.execution.program_pool import ProgramPool
from models.programs.language.from_source import source_to_ids

slow = source_to_ids("def f(n: int):\\n    for i in range(n):\\n        n += 1\\n    return n").ids
pool = ProgramPool(num_workers=2, limits=Limits(max_steps=10**15))
pool.run([(slow, [(1,)])] * 8)
print(*pool.pids, flush=True)
pool.run([(slow, [(10**12,)])] * 8)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_workers_end_with_their_parent(number):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    with parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.send_signal(number)
        parent.wait(30)
    wait_until_gone(pids)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_have_limits_and_share_nothing():
    with ProgramPool(num_workers=1, memory_mb=300) as pool:
        pool.run([(GOOD, [(1,)])])
        folder = Path(f"/proc/{pool.pids[0]}")
        limits = (folder / "limits").read_text().splitlines()
        links = {int(link.name): str(link.readlink()) for link in (folder / "fd").iterdir()}
        group = os.getpgid(pool.pids[0])
    of = {line[:25].strip(): line[26:].split()[:2] for line in limits[1:]}
    assert of["Max address space"] == [str(300 << 20)] * 2
    for name in ("Max core file size", "Max file size", "Max processes"):
        assert of[name] == ["0", "0"]
    assert of["Max cpu time"][0] != "unlimited"
    assert links[0] == links[1] == os.devnull
    # The connection, and the unnamed file that takes stderr.
    assert sum("socket" in link for link in links.values()) == 1
    assert len(links) == 4
    assert group != os.getpgrp()
