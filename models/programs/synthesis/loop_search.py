"""The loops that a program may hold, level by level; a share of them for each process."""

import time
from collections.abc import Sequence
from itertools import count
from typing import Any

from models.programs.language.kinds import Type
from models.programs.synthesis.bodies import Body
from models.programs.synthesis.costs import choice_cost, learned_costs
from models.programs.synthesis.deadline import Deadline, OutOfTime
from models.programs.synthesis.entries import variable
from models.programs.synthesis.loops import Guard, Problem
from models.programs.synthesis.writing import Block, Plain, Writer, to_plain

_SOURCES = 34
"""Cost of the expressions outside of loops that loops may go over."""

_RESERVE = 1 << 24
"""Bytes that are let go when the memory is full, so that what was found can still be told."""


class LoopSearch:
    """Searches loops.

    Args:
        types: of the inputs.
        inputs: of the examples.
        returns: type of the outputs.
        outputs: of the examples.
        given: constants of the examples.
        share: of the loops, counted from 0.
        shares: how many there are.
        seconds: that the search may take.
        processor: whether these are seconds of processor time.
    """

    def __init__(
        self,
        *,
        types: Sequence[Type],
        inputs: Sequence[Sequence[Any]],
        returns: Type,
        outputs: Sequence[Any],
        given: Sequence[Any],
        share: int,
        shares: int,
        seconds: float,
        processor: bool,
    ) -> None:
        self._problem = Problem(
            costs=learned_costs(),
            deadline=Deadline(seconds, processor=processor),
            outputs=tuple(outputs),
            returns=returns,
            given=tuple(given),
            share=share,
            shares=shares,
            slots=count(1_000_000 * (share + 1)),
        )
        variables = [
            variable(value_type, column, slot, choice_cost(types.count(value_type)))
            for slot, (value_type, column) in enumerate(
                zip(types, zip(*inputs, strict=True), strict=True)
            )
        ]
        self._body = Body(self._problem, variables, range(len(outputs)), max_cost=_SOURCES)
        self._found: list[Any] = []
        self._is_full = False
        self._reserve = bytearray(_RESERVE)

    def level(
        self, cost: int
    ) -> tuple[list[Plain], list[tuple[int, int]], int, float, bool] | None:
        """Return what loops of a cost build up or return early, or None when time is over.

        Once the memory is full no more are found. With them come the number of expressions tried so
        far, this process's seconds, and whether its memory is full.
        """
        arrived: list[Plain] = []
        entries = []
        try:
            if not self._is_full:
                entries = self._body.level(cost)
        except OutOfTime:
            return None
        except MemoryError:
            self._is_full = True
            self._reserve.clear()
        for entry in entries:
            arrived.append((entry.type, list(entry.values), len(self._found)))
            self._found.append(entry.leaf)
        guards = [(bits, guard.cost) for bits, guard in self._problem.guards.items()]
        return arrived, guards, self._body.all_tried(), time.process_time(), self._is_full

    def write(
        self, numbers: Sequence[int], fired: Sequence[int]
    ) -> tuple[list[tuple[list[Plain], int]], list[list[Plain]]]:
        """Return statements and variables of what loops built up, and those of early returns."""
        writer = Writer(self._problem.slots)
        results = []
        for number in numbers:
            block = _empty_block()
            slot = writer.result(self._found[number], block)
            results.append((list(map(to_plain, block.statements)), slot))
        return results, [self._guard(writer, self._problem.guards[bits]) for bits in fired]

    def _guard(self, writer: Writer, guard: Guard) -> list[Plain]:
        block = _empty_block()
        writer.guard(guard, block)
        return list(map(to_plain, block.statements))


def _empty_block() -> Block:
    return Block(statements=[], variables={}, results={})
