"""From what the search found to a program: loops become statements before the expression."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from models.programs.language.kinds import CONSTANT, SLOT, Type
from models.programs.language.tree import Node
from models.programs.synthesis.bodies import Body
from models.programs.synthesis.entries import Entry
from models.programs.synthesis.loops import Fold, Guard
from models.programs.synthesis.recurrences import Run

Plain = tuple[Any, ...]
"""A node as plain values, for another process."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Statements that are being written, and what is known in them.

    Args:
        statements: so far.
        variables: what a variable of the search is called here.
        results: what a loop built up, by the loop's identity, is called here.
    """

    statements: list[Node]
    variables: dict[int, int]
    results: dict[int, int]

    def inner(self) -> "Block":
        """Return a block inside."""
        return Block(statements=[], variables=dict(self.variables), results=dict(self.results))


class Writer:
    """Writes statements and expressions.

    Args:
        slots: numbers for the variables of the program; all are different.
    """

    def __init__(self, slots: Iterator[int]) -> None:
        self._slots = slots

    def expression(self, entry: Entry, block: Block) -> Node:
        """Return an expression; the loops that it needs are written to the block."""
        if isinstance(entry.leaf, Node):
            slot = entry.leaf.slot
            return entry.leaf if slot is None else _read(block.variables.get(slot, slot))
        if entry.leaf is not None:
            return _read(self.result(entry.leaf, block))
        args = tuple(self.expression(each, block) for each in entry.args)
        return Node(kind=entry.symbol, args=args)

    def result(self, found: Any, block: Block) -> int:
        """Write the loop that builds something up, and return its variable."""
        if id(found) not in block.results:
            is_run = isinstance(found, Run)
            slot = self._run(found, block) if is_run else self._fold(found, block)
            block.results[id(found)] = slot
        return block.results[id(found)]

    def guard(self, guard: Guard, block: Block) -> None:
        """Write the loop that returns early."""

        def inside(inner: Block) -> None:
            condition = self.expression(guard.condition, inner)
            branch = inner.inner()
            kind = f"return_{guard.result.type}"
            value = self.expression(guard.result, branch)
            branch.statements.append(Node(kind=kind, args=(value,)))
            inner.statements.append(_if(condition, branch))

        self._nested(guard.body, block, inside)

    def _nested(self, body: Body, block: Block, inside: Callable[[Block], None]) -> None:
        """Write a loop in the loops around it."""
        assert body.parent is not None
        if body.parent.parent is None:
            self._loop(body, block, inside)
        else:
            self._nested(body.parent, block, lambda inner: self._loop(body, inner, inside))

    def _loop(self, body: Body, block: Block, inside: Callable[[Block], None]) -> None:
        head, running = body.head, body.running
        assert head is not None
        assert body.slot is not None
        args = tuple(self.expression(each, block) for each in head.args)
        inner = block.inner()
        if running is not None:
            state = self._start(running.update.state, running.update.start, block)
            # The last of a body's variables is the running one.
            inner.variables[body.variables[-1].leaf.slot] = state
        slot = next(self._slots)
        inner.variables[body.slot] = slot
        if running is not None:
            self._update(running, inner.variables[body.variables[-1].leaf.slot], inner)
        inside(inner)
        block.statements.append(
            Node(kind=head.kind, slot=slot, args=args, blocks=(tuple(inner.statements),))
        )

    def _fold(self, fold: Fold, block: Block) -> int:
        slot = self._start(fold.update.state, fold.update.start, block)
        self._loop(fold.body, block, lambda inner: self._update(fold, slot, inner))
        return slot

    def _update(self, fold: Fold, slot: int, block: Block) -> None:
        if fold.condition is None:
            value = self.expression(fold.item, block)
            block.statements.append(fold.update.statement(slot, value))
            return
        condition = self.expression(fold.condition.entry, block)
        branch = block.inner()
        value = self.expression(fold.item, branch)
        branch.statements.append(fold.update.statement(slot, value))
        block.statements.append(_if(condition, branch))

    def _run(self, run: Run, block: Block) -> int:
        slots = [self._start(run.state, start, block) for start in run.starts]
        change = f"set_{run.state}"

        def inside(inner: Block) -> None:
            inner.variables.update(zip(run.states, slots, strict=True))
            value = self.expression(run.next, inner)
            if len(slots) == 1:
                inner.statements.append(Node(kind=change, slot=slots[0], args=(value,)))
                return
            kept = next(self._slots)
            let = f"let_{run.state}"
            inner.statements.append(Node(kind=let, slot=kept, args=(value,)))
            inner.statements.append(Node(kind=change, slot=slots[0], args=(_read(slots[1]),)))
            inner.statements.append(Node(kind=change, slot=slots[1], args=(_read(kept),)))

        self._loop(run.body, block, inside)
        return slots[run.shown]

    def _start(self, state: Type, start: Any, block: Block) -> int:
        slot = next(self._slots)
        value = Node(kind="empty") if start == [] else Node(kind=CONSTANT, value=start)
        block.statements.append(Node(kind=f"let_{state}", slot=slot, args=(value,)))
        return slot


def to_plain(node: Node) -> Plain:
    """Return a node as plain values."""
    blocks = tuple(tuple(map(to_plain, block)) for block in node.blocks)
    return node.kind, node.slot, node.value, tuple(map(to_plain, node.args)), blocks


def from_plain(plain: Plain) -> Node:
    """Return the node that `to_plain` gave."""
    kind, slot, value, args, blocks = plain
    return Node(
        kind=kind, slot=slot, value=value, args=tuple(map(from_plain, args)),
        blocks=tuple(tuple(map(from_plain, block)) for block in blocks),
    )  # fmt: skip


def _read(slot: int) -> Node:
    return Node(kind=SLOT, slot=slot)


def _if(condition: Node, branch: Block) -> Node:
    return Node(kind="if", args=(condition,), blocks=(tuple(branch.statements),))
