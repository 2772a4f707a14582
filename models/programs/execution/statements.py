"""Statements as Python closures over the slots of a run.

A closure returns what the program returns, BREAK or CONTINUE where it leaves a round of the loop
around it, or None when the program goes on: no value of a program is None.
"""

from collections.abc import Callable, Mapping
from typing import Any

from models.programs.execution.expressions import (
    PUT,
    Expression,
    ExpressionCompiler,
    Slots,
    iterated,
    weigh,
)
from models.programs.execution.limits import Meter, SizeLimitReached, StepLimitReached
from models.programs.execution.operations import Operation
from models.programs.language.kinds import Kind, language
from models.programs.language.tree import Node

Statement = Callable[[Slots], Any]

BREAK, CONTINUE = object(), object()


class StatementCompiler:
    """Turns blocks into closures.

    Args:
        operations: kind -> what it computes.
        meter: counts steps and checks sizes.
        visited: each block that runs adds its number here, counted in the order of the text;
            None notes nothing, which is faster.
    """

    def __init__(
        self,
        operations: Mapping[str, Operation],
        meter: Meter,
        visited: set[int] | None = None,
    ) -> None:
        self.num_blocks = 0
        self._operations = operations
        self._meter = meter
        self._visited = visited
        compiler = ExpressionCompiler(operations, meter)
        self._expression, self._over = compiler.compile, compiler.over
        self._of_kind: Mapping[str, Callable[..., Statement]] = {
            "append": self._append,
            "store": self._store,
            "pop": self._pop,
            "insert": self._insert,
            "remove": self._remove,
            "swap": self._swap,
            "iadd_list": self._iadd_list,
            "step_mod": self._step_mod,
        }
        self._of_family: Mapping[str, Callable[[Node], Statement]] = {
            "return": self._return,
            "let": self._assign,
            "set": self._assign,
            "if": self._if,
            "for": self._for,
            "while": self._while,
            "leave": self._leave,
        }

    def block(self, nodes: tuple[Node, ...]) -> Statement:
        """Return a closure that runs statements; a run of the block is charged all at once."""
        meter, weight = self._meter, sum(map(weigh, nodes))
        number = self.num_blocks
        self.num_blocks += 1
        statements = [self._statement(node) for node in nodes]
        if self._visited is not None:
            note = self._visited.add
            statements.insert(0, lambda slots: note(number))
        if len(statements) == 1:
            only = statements[0]

            def run_one(slots: Slots) -> Any:
                meter.steps_left -= weight
                if meter.steps_left < 0:
                    raise StepLimitReached
                return only(slots)

            return run_one

        def run(slots: Slots) -> Any:
            meter.steps_left -= weight
            if meter.steps_left < 0:
                raise StepLimitReached
            for statement in statements:
                value = statement(slots)
                if value is not None:
                    return value
            return None

        return run

    def _statement(self, node: Node) -> Statement:
        if node.kind in self._of_kind:
            return self._of_kind[node.kind](_slot(node), *self._parts(node))
        if node.kind == "set_two":
            return self._set_two(node)
        kind = language().named(node.kind)
        if kind.family in ("augment", "step"):
            return _change(_slot(node), self._operation(kind), *self._parts(node))
        return self._of_family[kind.family](node)

    def _operation(self, kind: Kind) -> Operation:
        assert kind.operation is not None  # of a while, a step, an augmented assignment
        return self._operations[kind.operation]

    def _return(self, node: Node) -> Statement:
        return self._expression(node.args[0])

    def _if(self, node: Node) -> Statement:
        branches = [self.block(block) for block in node.blocks]
        return _branch(*self._parts(node), *branches)

    def _assign(self, node: Node) -> Statement:
        slot, value = _slot(node), self._expression(node.args[0])

        def run(slots: Slots) -> None:
            slots[slot] = value(slots)

        return run

    def _parts(self, node: Node) -> list[Expression]:
        return [self._expression(item) for item in node.args]

    def _iadd_list(self, slot: int, more: Expression) -> Statement:
        meter = self._meter

        def run(slots: Slots) -> None:
            items, added = slots[slot], more(slots)
            meter.length(len(items) + len(added))
            items += added

        return run

    def _append(self, slot: int, item: Expression) -> Statement:
        max_length = self._meter.max_length

        def run(slots: Slots) -> None:
            items = slots[slot]
            items.append(item(slots))
            if len(items) > max_length:
                raise SizeLimitReached

        return run

    def _store(self, slot: int, index: Expression, item: Expression) -> Statement:
        def run(slots: Slots) -> None:
            value = item(slots)  # Python computes the value first
            slots[slot][index(slots)] = value

        return run

    def _pop(self, slot: int, index: Expression) -> Statement:
        def run(slots: Slots) -> None:
            slots[slot].pop(index(slots))

        return run

    def _insert(self, slot: int, index: Expression, item: Expression) -> Statement:
        max_length = self._meter.max_length

        def run(slots: Slots) -> None:
            items = slots[slot]
            items.insert(index(slots), item(slots))
            if len(items) > max_length:
                raise SizeLimitReached

        return run

    def _remove(self, slot: int, item: Expression) -> Statement:
        meter = self._meter

        def run(slots: Slots) -> None:
            items = slots[slot]
            meter.went_over(len(items))
            items.remove(item(slots))

        return run

    def _swap(self, slot: int, first: Expression, second: Expression) -> Statement:
        def run(slots: Slots) -> None:
            items = slots[slot]
            values = items[second(slots)], items[first(slots)]
            items[first(slots)], items[second(slots)] = values

        return run

    def _set_two(self, node: Node) -> Statement:
        one, other = _slot(node), _slot(node.args[0])
        first, second = map(self._expression, node.args[1:])

        def run(slots: Slots) -> None:
            slots[one], slots[other] = first(slots), second(slots)

        return run

    def _step_mod(self, slot: int, dividend: Expression) -> Statement:
        def run(slots: Slots) -> None:
            slots[slot] = dividend(slots) % slots[slot]

        return run

    def _for(self, node: Node) -> Statement:
        slot, body = _slot(node), self.block(node.blocks[0])
        kind = language().named(node.kind)
        read = self._over if kind.second else self._expression
        items = self._iterated(node.kind, [read(item) for item in node.args])
        put = PUT[kind.second is not None]

        def run(slots: Slots) -> Any:
            for item in items(slots):
                put(slots, slot, item)
                value = body(slots)
                if value is not None and value is not CONTINUE:
                    return None if value is BREAK else value
            return None

        return run

    def _iterated(self, kind: str, parts: list[Expression]) -> Expression:
        """Return a closure for what a loop goes over."""
        first = parts[0]
        match kind:
            case "for_range_1" | "for_range_2" | "for_range_3":
                return lambda slots: range(*[part(slots) for part in parts])
            case "for_words":
                return lambda slots: first(slots).split()
            case _:
                return iterated(language().named(kind), parts)

    def _leave(self, node: Node) -> Statement:
        how = BREAK if node.kind == "break" else CONTINUE
        return lambda slots: how

    def _while(self, node: Node) -> Statement:
        comparison = self._operation(language().named(node.kind))
        goes_on = _compare(_slot(node), comparison, self._expression(node.args[0]))
        condition = self._expression(node.args[1]) if len(node.args) > 1 else None
        body = self.block(node.blocks[0])

        def run(slots: Slots) -> Any:
            while goes_on(slots) and (condition is None or condition(slots)):
                value = body(slots)
                if value is not None:
                    return None if value is BREAK else value
            return None

        return run


def _slot(node: Node) -> int:
    assert node.slot is not None  # every statement but return and if has one
    return node.slot


def _change(slot: int, operation: Operation, amount: Expression) -> Statement:
    def run(slots: Slots) -> None:
        # Python reads the old value first, which matters to nobody: expressions change nothing.
        slots[slot] = operation(slots[slot], amount(slots))

    return run


def _compare(slot: int, comparison: Operation, bound: Expression) -> Expression:
    return lambda slots: comparison(slots[slot], bound(slots))


def _branch(
    condition: Expression, then: Statement, otherwise: Statement | None = None
) -> Statement:
    if otherwise is None:
        return lambda slots: then(slots) if condition(slots) else None
    return lambda slots: then(slots) if condition(slots) else otherwise(slots)
