"""Programs from examples, the most likely first: expressions, loops before them, and cases.

This process enumerates the expressions of the function's own body and joins cases; two workers
search loops, whose results stand in these expressions like variables. All of them go up the same
costs together, so that the answer is the cheapest program of the kinds that are searched, whatever
the machine, and only how far the search comes depends on time.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from models.errors import UserError
from models.programs.data.derive import tree_to_ids
from models.programs.execution.example_text import Example
from models.programs.execution.interpreter import Interpreter
from models.programs.execution.pool import LostJob, WorkerPool
from models.programs.execution.worker_process import WorkerSettings
from models.programs.language.from_source import source_to_ids
from models.programs.language.kinds import SLOT, Type
from models.programs.language.to_source import ids_to_source
from models.programs.language.tree import Node
from models.programs.synthesis.bank import Bank
from models.programs.synthesis.choices import MAX_EXAMPLES, Choice, cheapest_choice
from models.programs.synthesis.costs import choice_cost, learned_costs
from models.programs.synthesis.deadline import Deadline, OutOfTime
from models.programs.synthesis.entries import HAS_LOOP, Entry, constants, variable
from models.programs.synthesis.shown import given_constants, shown_examples
from models.programs.synthesis.writing import from_plain

_MODULE = "models.programs.synthesis.worker"
_MEMORY_MB = 3_000
_ENTRIES = 700_000
_WORKERS = 2
_NEAR = 8
_LOST = (
    "a process of the search ended before its time, mostly because the machine is out of memory "
    f"(each of {_WORKERS} may take {_MEMORY_MB:,} MB), and the search with it: free memory, or "
    "give smaller examples"
)
_FULL = (
    f"loops were looked at only in part, since they filled the {_MEMORY_MB:,} MB of a process: "
    "give smaller examples"
)
_GRACE_S = 20.0
"""Seconds after which a worker that does not end by itself is ended."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a search found.

    Attributes:
        program: that satisfies the most examples, the cheapest of such; empty if there is none.
        near: where none satisfies all examples, the best ones.
        num_passed: how many it satisfies.
        num_tried: expressions and loops that were looked at.
        cost: up to which every program of the kinds that are searched was looked at.
        seconds: of processor time, of all processes.
        cut: why less was looked at than the time allowed, for people; empty if it was not.
    """

    program: tuple[int, ...] = ()
    near: tuple[tuple[int, ...], ...] = ()
    num_passed: int = 0
    num_tried: int = 0
    cost: int = 0
    seconds: float = 0.0
    cut: str = ""


def search_programs(
    types: Sequence[Type],
    returns: Type,
    examples: Sequence[Example],
    *,
    seconds: float = 60.0,
    processor: bool = False,
    on_level: Callable[[Answer], None] = lambda answer: None,
) -> Answer:
    """Search a program that satisfies all examples.

    Args:
        types: of the inputs.
        returns: of the outputs.
        examples: one or more, that do not contradict each other.
        seconds: after which the search ends with the best program so far.
        processor: whether these are processor seconds of each process.
        on_level: told how far the search is.
    """
    deadline = Deadline(seconds, processor=processor)
    shown = shown_examples(examples, MAX_EXAMPLES)
    spent = Answer()
    while True:
        with _Search(types, returns, shown, deadline, processor=processor) as search:
            answer = search.run(spent, on_level)
        passed = _passed(answer.program, examples)
        answer = replace(answer, num_passed=sum(passed))
        left_out = [each for each, right in zip(examples, passed, strict=True) if not right]
        if not left_out or any(each in shown for each in left_out) or deadline.left == 0:
            return answer
        # It fits the examples that were shown to the search, so that it needs to see another one.
        shown = [left_out[0], *shown[: MAX_EXAMPLES - 1]]
        spent = answer


class _LostWorker(Exception):
    """A worker ended before it had worked out its job, and with it all loops that it knew."""


@dataclass(frozen=True, kw_only=True)
class _Loop:
    """What a loop builds up: which worker knows it by which number."""

    worker: int
    number: int


class _Search:
    """One search, of one set of examples."""

    def __init__(
        self,
        types: Sequence[Type],
        returns: Type,
        examples: Sequence[Example],
        deadline: Deadline,
        *,
        processor: bool,
    ) -> None:
        self._deadline = deadline
        self._returns: Type = returns
        self._costs = learned_costs()
        self._bank = Bank(self._costs, _ENTRIES, deadline, self._uses())
        self._outputs = tuple(each.output for each in examples)
        inputs = [each.inputs for each in examples]
        given = given_constants(examples)
        columns = zip(types, zip(*inputs, strict=True), strict=True)
        self._leaves = [
            *(
                variable(kind, column, slot, choice_cost(types.count(kind)))
                for slot, (kind, column) in enumerate(columns)
            ),
            *constants(given, len(examples), choice_cost(len(given))),
        ]
        self._types = types
        self._returned: dict[int, tuple[int, Entry]] = {}
        self._conditions: dict[int, tuple[int, Entry]] = {}
        self._loops: dict[int, tuple[int, int]] = {}
        self._tried, self._seconds = [0] * _WORKERS, [0.0] * _WORKERS
        self._cut = ""
        settings = WorkerSettings(
            module=_MODULE, memory_mb=_MEMORY_MB, job_timeout_s=deadline.left * 50 + _GRACE_S
        )
        self._pools = [WorkerPool(settings, 1) for _ in range(_WORKERS)]
        self._threads = [ThreadPoolExecutor(1) for _ in range(_WORKERS)]
        self._start = {
            "types": tuple(types),
            "inputs": [tuple(each) for each in inputs],
            "returns": returns,
            "outputs": list(self._outputs),
            "given": list(given),
            "shares": _WORKERS,
            "processor": processor,
        }
        self._began = time.process_time()

    def __enter__(self) -> "_Search":
        return self

    def __exit__(self, *_: object) -> None:
        for pool, thread in zip(self._pools, self._threads, strict=True):
            for pid in pool.pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)  # so that its thread stops waiting
            thread.shutdown(cancel_futures=True)
            pool.close()

    def run(self, spent: Answer, on_level: Callable[[Answer], None]) -> Answer:
        """Go up the costs until a program satisfies all examples, or time is over."""
        jobs = [self._begin(worker) for worker in range(_WORKERS)]
        cost = 0
        try:
            for job in jobs:
                job.result()
            jobs = [self._ask(worker, ("level", 0)) for worker in range(_WORKERS)]
            for cost in count():
                results = [job.result() for job in jobs]
                if self._deadline.left == 0 or any(each is None for each in results):
                    break
                jobs = [self._ask(worker, ("level", cost + 1)) for worker in range(_WORKERS)]
                self._level(cost, results)
                found = self._cheapest()
                on_level(self._answer(cost, spent))
                if found is not None and found[0] <= cost:
                    if program := self._program(found[1]):
                        return replace(self._answer(cost, spent), program=program)
                    self._forget(found[1])
        except OutOfTime:
            pass
        except _LostWorker:
            self._cut = _LOST
        answer = self._answer(cost, spent)
        found = self._cheapest()
        if (
            found is not None
            and (found[0] <= cost or _num_returns(found[1]) * 2 <= len(self._outputs))
            and (program := self._program(found[1]))
        ):
            return replace(answer, program=program)
        best = sorted(self._returned, key=lambda bits: (-bits.bit_count(), self._returned[bits][0]))
        programs = (self._program(Choice(returned=bits)) for bits in best[:_NEAR])
        near = tuple(filter(None, programs))
        return replace(answer, program=near[0] if near else (), near=near)

    def _uses(self) -> dict[Type, int]:
        """Return the least cost that is added to an expression to be returned or a condition."""
        kind, costs = f"return_{self._returns}", self._costs
        branch = 2 * costs.statement("if") + costs.statement(kind) + costs.least("if", 0)
        uses: dict[Type, int] = {"bool": branch + costs.least(kind, 0)}
        uses[self._returns] = min(costs.least(kind, 0), uses.get(self._returns, branch))
        return uses

    def _begin(self, worker: int) -> "Future[Any]":
        own = {"share": worker, "seconds": self._deadline.left}
        return self._ask(worker, ("start", {**self._start, **own}))

    def _ask(self, worker: int, job: tuple[Any, ...]) -> "Future[Any]":
        def ask() -> Any:
            with contextlib.closing(self._pools[worker].run([job])) as results:
                result = next(results)
            if isinstance(result, LostJob):
                raise _LostWorker
            return result

        return self._threads[worker].submit(ask)

    def _answer(self, cost: int, spent: Answer) -> Answer:
        best = max((bits.bit_count() for bits in self._returned), default=0)
        return Answer(
            num_passed=best,
            num_tried=spent.num_tried + self._bank.num_tried + sum(self._tried),
            cost=cost,
            seconds=spent.seconds + time.process_time() - self._began + sum(self._seconds),
            cut=self._cut or spent.cut,
        )

    def _level(self, cost: int, results: Sequence[Any]) -> None:
        """Look at all expressions of a cost, with what loops of that cost build up."""
        new = [each for each in self._leaves if self._bank.add(each)] if cost == 0 else []
        self._bank.num_tried += len(new)
        for worker, (arrived, guards, tried, seconds, is_full) in enumerate(results):
            self._tried[worker], self._seconds[worker] = tried, seconds
            self._cut = _FULL if is_full else self._cut
            for value_type, values, number in arrived:
                entry = Entry(
                    value_type, tuple(values), SLOT, cost, leaf=_Loop(worker=worker, number=number),
                    marks=HAS_LOOP, partial=None in values,
                )  # fmt: skip
                if self._bank.add(entry):
                    new.append(entry)
            for bits, own in guards:
                if bits not in self._loops or own < self._loops[bits][0]:
                    self._loops[bits] = own, worker
        for entry in (*new, *self._bank.level(cost)):
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        """Note an expression as what is returned, or as a condition."""
        costs, values = self._costs, entry.values
        if entry.type == self._returns:
            bits = 0
            for place, (value, output) in enumerate(zip(values, self._outputs, strict=True)):
                if value == output and value is not None:
                    bits |= 1 << place
            kind = f"return_{entry.type}"
            own = entry.cost + costs.root(kind, 0, entry.symbol)
            if bits and (bits not in self._returned or own < self._returned[bits][0]):
                self._returned[bits] = own, entry
        if entry.type == "bool" and not entry.partial:
            bits = sum(1 << place for place, value in enumerate(values) if value)
            own = entry.cost + costs.root("if", 0, entry.symbol)
            own += 2 * costs.statement("if") + costs.statement(f"return_{self._returns}")
            if 0 < bits < (1 << len(values)) - 1 and (
                bits not in self._conditions or own < self._conditions[bits][0]
            ):
                self._conditions[bits] = own, entry

    def _cheapest(self) -> tuple[int, Choice] | None:
        tables = (self._returned, self._conditions, self._loops)
        return cheapest_choice(
            len(self._outputs),
            *({bits: found[0] for bits, found in table.items()} for table in tables),
        )

    def _forget(self, choice: Choice) -> None:
        """Take the parts of a program that the language refuses for none."""
        if choice.returned is not None:
            self._returned.pop(choice.returned, None)
        if choice.condition is not None:
            self._conditions.pop(choice.condition, None)
        if choice.loop is not None:
            self._loops.pop(choice.loop, None)
        for part in (choice.then, choice.otherwise):
            if part is not None:
                self._forget(part)

    def _program(self, choice: Choice) -> tuple[int, ...]:
        """Return the program of a choice; empty if the language refuses it."""
        params = tuple(
            Node(kind=f"param_{kind}", slot=slot) for slot, kind in enumerate(self._types)
        )
        text = _Text(self._ask, self._returned, self._conditions, self._loops)
        try:
            statements = tuple(text.of(choice, {}))
            tree = Node(kind=f"program_{self._returns}", args=params, blocks=(statements,))
            return source_to_ids(ids_to_source(tree_to_ids(tree))).ids
        except (UserError, AssertionError):
            return ()
        except _LostWorker:  # what a loop is made of, only its worker knew
            self._cut = _LOST
            return ()


class _Text:
    """Writes the statements of a choice."""

    def __init__(
        self,
        ask: Callable[[int, tuple[Any, ...]], "Future[Any]"],
        returned: dict[int, tuple[int, Entry]],
        conditions: dict[int, tuple[int, Entry]],
        loops: dict[int, tuple[int, int]],
    ) -> None:
        self._ask = ask
        self._returned, self._conditions, self._loops = returned, conditions, loops

    def of(self, choice: Choice, known: dict[_Loop, int]) -> list[Node]:
        """Return the statements; `known` says in which variables the results of loops are."""
        statements: list[Node] = []
        if choice.loop is not None:
            worker = self._loops[choice.loop][1]
            _, (written,) = self._ask(worker, ("write", [], [choice.loop])).result()
            statements += map(from_plain, written)
        elif choice.condition is not None:
            assert choice.then is not None  # behind a condition
            condition = self._expression(self._conditions[choice.condition][1], statements, known)
            then = tuple(self.of(choice.then, dict(known)))
            statements.append(Node(kind="if", args=(condition,), blocks=(then,)))
        else:
            assert choice.returned is not None  # of what is neither a loop nor a condition
            entry = self._returned[choice.returned][1]
            value = self._expression(entry, statements, known)
            return [*statements, Node(kind=f"return_{entry.type}", args=(value,))]
        assert choice.otherwise is not None  # behind a loop or a condition
        return [*statements, *self.of(choice.otherwise, known)]

    def _expression(self, entry: Entry, statements: list[Node], known: dict[_Loop, int]) -> Node:
        if isinstance(entry.leaf, Node):
            return entry.leaf
        if isinstance(entry.leaf, _Loop):
            loop = entry.leaf
            if loop not in known:
                ((written, slot),), _ = self._ask(
                    loop.worker, ("write", [loop.number], [])
                ).result()
                statements += map(from_plain, written)
                known[loop] = slot
            return Node(kind=SLOT, slot=known[loop])
        args = tuple(self._expression(each, statements, known) for each in entry.args)
        return Node(kind=entry.symbol, args=args)


def _passed(program: Sequence[int], examples: Iterable[Example]) -> list[bool]:
    """Return which examples a program satisfies."""
    examples = list(examples)
    outcomes = Interpreter().run(program, [each.inputs for each in examples])
    return [found.returned(each.output) for found, each in zip(outcomes, examples, strict=True)]


def _num_returns(choice: Choice) -> int:
    if choice.otherwise is None:
        return 1
    return _num_returns(choice.otherwise) + (_num_returns(choice.then) if choice.then else 1)
