"""Variables of a loop whose next value depends on the last one in any way: `r = 2 * r % p`.

What such an expression is worth in a turn is not known before the loop has run with it, so it is
told apart from others by made-up values of the variable, and then run from several starts.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.programs.execution.expressions import ExpressionCompiler
from models.programs.execution.functions import Function
from models.programs.execution.limits import Meter
from models.programs.language.kinds import SLOT, Type
from models.programs.language.tree import Node
from models.programs.synthesis.bank import Bank
from models.programs.synthesis.costs import choice_cost
from models.programs.synthesis.entries import HAS_STATE, Entry, constants, variable
from models.programs.synthesis.enumerated import LIMITS, RAISED, search_operations

if TYPE_CHECKING:
    from models.programs.synthesis.bodies import Body

_POINTS = 16
_LIMIT = 30_000
_STARTS: dict[Type, tuple[Any, ...]] = {"int": (0, 1), "str": ("",), "list": ([],)}
_PAIRS = ((0, 1), (1, 1), (2, 1), (1, 2))
_MADE_UP: dict[Type, tuple[Any, ...]] = {
    "int": (0, 1, 2, 3, 5, 7, 12, -1, 40),
    "str": ("", "a", "ba", "cab", "ab c"),
    "list": ([], [1], [3, 2], [0, 5, 5]),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What a variable is in the end, when each turn computes it anew from its last value.

    Args:
        body: of the loop.
        next: the expression.
        states: the variable, or the last but one and the last value of it.
        starts: of each.
        shown: which of the states is the result.
        state: type of the variable.
        values: at the points of the loop's parent.
    """

    body: "Body"
    next: Entry
    states: tuple[int, ...]
    starts: tuple[Any, ...]
    shown: int
    state: Type
    values: tuple[Any, ...]


class Recurrence:
    """All such variables of one loop, of one type.

    Args:
        body: of the loop.
        state: type of the variable.
        order: how many of its last values the next one may depend on.
    """

    def __init__(self, body: "Body", state: Type, order: int = 1) -> None:
        problem, costs = body.problem, body.problem.costs
        self._body, self._order = body, order
        self._state: Type = state
        self._slots = tuple(next(problem.slots) for _ in range(order))
        starts = [(each,) for each in _STARTS[state]] if order == 1 else list(_PAIRS)
        self._starts: list[tuple[Any, ...]] = [*starts]
        let, change = f"let_{state}", f"set_{state}"
        known = "empty" if state == "list" else repr(_STARTS[state][0])
        statements = costs.statement(let) + costs.root(let, 0, known) + costs.statement(change)
        self._offset = body.offset + order * statements
        self._change = change
        self._bank = Bank(costs, _LIMIT, problem.deadline, {state: costs.least(change, 0)})
        self.num_tried = 0
        rng = random.Random("made-up states")
        points = [rng.randrange(len(body.owners)) for _ in range(_POINTS)]
        cost = choice_cost(order + sum(v.type == state for v in body.variables))
        own = [
            variable(state, rng.choices(_MADE_UP[state], k=_POINTS), slot, cost, HAS_STATE)
            for slot in self._slots
        ]
        seen = [
            variable(v.type, [v.values[p] for p in points], v.leaf.slot, v.cost)
            for v in body.variables
        ]
        given = constants(problem.given, _POINTS, choice_cost(len(problem.given)))
        self._leaves = [*own, *seen, *given]
        self._items: dict[int, list[Entry]] = {}
        self._compiler = ExpressionCompiler(search_operations(), Meter(LIMITS))

    def found(self, total: int) -> Iterator[Run]:
        """Yield what comes of the expressions of a cost in all."""
        cost = total - self._offset
        if cost < 0:
            return
        new = [each for each in self._leaves if self._bank.add(each)] if cost == 0 else []
        for entry in (*new, *self._bank.level(cost)):
            if entry.type == self._state and entry.marks & HAS_STATE and entry.args:
                own = entry.cost + self._body.problem.costs.root(self._change, 0, entry.symbol)
                self._items.setdefault(own, []).append(entry)
        for entry in self._items.get(cost, ()):
            yield from self._runs(entry)

    def all_tried(self) -> int:
        """Return how many expressions and loops were tried."""
        return self._bank.num_tried + self.num_tried

    def _runs(self, entry: Entry) -> Iterator[Run]:
        body, variables = self._body, self._body.variables
        places = {v.leaf.slot: place for place, v in enumerate(variables)}
        places |= {slot: len(variables) + n for n, slot in enumerate(self._slots)}
        step = self._compiler.compile(_placed(entry, places))
        body.problem.deadline.check()
        for start in self._starts:
            self.num_tried += 1
            ends = [self._end(step, start, first, end) for first, end in body.segments]
            for shown in range(self._order):
                values = tuple(None if each is None else each[shown] for each in ends)
                if any(each is not None for each in values):
                    yield Run(
                        body=body, next=entry, states=self._slots, starts=start, shown=shown,
                        state=self._state, values=values,
                    )  # fmt: skip

    def _end(
        self, step: Function, start: tuple[Any, ...], first: int, end: int
    ) -> tuple[Any, ...] | None:
        """Return the states after the turns at some points, or None where a turn raises."""
        states = list(start)
        columns = [v.values for v in self._body.variables]
        try:
            for point in range(first, end):
                found = step([*(column[point] for column in columns), *states])
                if self._state != "int" and len(found) > LIMITS.max_length:
                    return None
                states = [*states[1:], found]
        except RAISED:
            return None
        return tuple(states)


def recurrences(body: "Body") -> list[Recurrence]:
    """Return the recurrences that are worth a try in the body of a loop."""
    kinds: tuple[Type, ...] = ("int", "str", "list")
    made = [Recurrence(body, state) for state in kinds]
    assert body.head is not None
    if body.head.kind.startswith("for_range"):
        made.append(Recurrence(body, "int", order=2))
    return made


def _placed(entry: Entry, places: dict[int, int]) -> Node:
    """Return an expression over the places of a list of values."""
    if isinstance(entry.leaf, Node):
        slot = entry.leaf.slot
        return entry.leaf if slot is None else Node(kind=SLOT, slot=places[slot])
    args = tuple(_placed(each, places) for each in entry.args)
    return Node(kind=entry.symbol, args=args)
