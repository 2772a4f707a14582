"""Where expressions are computed: the body of the function, and the bodies of its loops.

A body has points: the examples for the function, every turn on every example for a loop. What its
expressions are worth at these points is known, as none depends on what the loop builds up, so a
loop is found by enumerating its item and its condition apart and pairing them by cost.
"""

import marshal
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from models.programs.language.kinds import SLOT, Type
from models.programs.synthesis.bank import Bank
from models.programs.synthesis.costs import choice_cost
from models.programs.synthesis.entries import HAS_LOOP, HAS_STATE, Entry, constants, variable
from models.programs.synthesis.heads import Head, Sources
from models.programs.synthesis.loops import Condition, Fold, Found, Guard, Problem
from models.programs.synthesis.updates import UPDATES, Update

_MAX_POINTS = 500
"""Turns of a loop on all examples."""
_MAX_LOOPS = (24, 4, 0)
"""Loops that are searched in a body, by its depth."""
_MAX_HEADS = (40, 26, 0)
"""Cost of a head in a body, by its depth."""
_MAX_RUNNING = 6
"""Variables of a loop whose value in each turn is looked at."""
_MAX_RETURNED = 24
"""Expressions that are tried as what an early return returns."""
_LIMITS = (200_000, 60_000, 20_000)
"""Entries of a body's bank, by its depth."""
_MAX_VALUES = 6_000_000
"""Values in a body's bank: entries times points."""


class Body:
    """A body with its expressions and the loops in it.

    Args:
        problem: what all share.
        variables: what it sees.
        owners: the example of each point.
        offset: cost of what stands around.
        parent: the body around; None for the function's own.
        head: of the loop whose body it is.
        slot: of the loop's variable.
        segments: for each point of the parent, first and last but one of its own points.
        running: a variable of the same loop that is built up first, and may be read.
        max_cost: of its expressions; None: any.
    """

    def __init__(
        self,
        problem: Problem,
        variables: Sequence[Entry],
        owners: Sequence[int],
        *,
        offset: int = 0,
        parent: "Body | None" = None,
        head: Head | None = None,
        slot: int | None = None,
        segments: Sequence[tuple[int, int]] = (),
        running: Fold | None = None,
        max_cost: int | None = None,
    ) -> None:
        self.problem = problem
        self.variables = variables
        self.owners = owners
        self.offset = offset
        self.parent = parent
        self.head = head
        self.slot = slot
        self.segments = segments
        self.running = running
        self.depth: int = 0 if parent is None else parent.depth + 1
        limit = min(_LIMITS[self.depth], _MAX_VALUES // max(1, len(owners)))
        self.bank = Bank(problem.costs, limit, problem.deadline, self._uses())
        self.max_cost = max_cost
        self.num_tried = 0
        self._leaves = [*variables, *_constants(problem, len(owners))]
        self._conditions: dict[int, list[Condition]] = {}
        self._items: list[dict[int, list[Entry]]] = [{} for _ in UPDATES]
        self._returned: list[tuple[int, Entry]] = []
        self._sources = Sources(problem.costs, _MAX_HEADS[self.depth])
        self._loops: list[Body] = []
        self._known_loops: set[bytes] = set()
        self._beside: list[Any] = []
        self._next = 0

    def level(self, total: int) -> list[Entry]:
        """Return what loops of a cost build up; all smaller costs must have been asked for."""
        arrived: list[Entry] = []
        # A loop that was found at its own cost starts one level late.
        for cost in range(self._next, total - self.offset + 1):
            arrived += self._level(cost)
            self._next = cost + 1
        return arrived

    def _level(self, cost: int) -> list[Entry]:
        new = [each for each in self._leaves if self.bank.add(each)] if cost == 0 else []
        arrived = []
        for loop in self._loops:
            for found in loop.found(self.offset + cost):
                entry = Entry(
                    found.state, found.values, SLOT, cost, leaf=found, marks=HAS_LOOP,
                    partial=None in found.values,
                )  # fmt: skip
                if not self.bank.is_full and self.bank.add(entry):
                    arrived.append(entry)
        new += arrived
        if self.max_cost is None or cost <= self.max_cost:
            new += self.bank.level(cost)
        for entry in new:
            self._take(entry)
        for share, head in self._sources.due(cost):
            self._add_loop(head, self.offset + share)
        return arrived

    def _uses(self) -> dict[Type, int]:
        """Return the least cost that is added to an expression of a type to do something here."""
        costs = self.problem.costs
        if self.parent is None:  # only as what loops go over
            return Sources.uses(costs)
        found: dict[Type, int] = {}
        for update in UPDATES:
            use = update.cost(costs) + update.least(costs)
            found[update.item] = min(found.get(update.item, use), use)
        branch = costs.statement("if") + costs.least("if", 0)
        returned = costs.statement("return_bool") + min(
            costs.least(f"return_{self.problem.returns}", 0), costs.root("return_bool", 0, "True")
        )
        found["bool"] = branch + min(returned, *found.values())
        returns: Type = self.problem.returns
        early = branch + returned
        found[returns] = min(found.get(returns, early), early)
        return found

    def found(self, total: int) -> Iterator[Found]:
        """Yield what the loop around this body builds up at a cost."""
        self.level(total)
        if total >= self.offset:
            yield from self._folds(total)
        for beside in self._beside:
            yield from beside.found(total)

    def all_tried(self) -> int:
        """Return how many expressions and loops were tried here and further in."""
        inner = sum(each.all_tried() for each in (*self._loops, *self._beside))
        return self.bank.num_tried + self.num_tried + inner

    def _take(self, entry: Entry) -> None:
        """Note what an entry may serve as."""
        costs = self.problem.costs
        if self.running is None and self.depth < 2 and not entry.marks & HAS_LOOP:
            self._sources.take(entry)
        if self.parent is None:
            return
        if entry.type == self.problem.returns and len(self._returned) < _MAX_RETURNED:
            kind = f"return_{entry.type}"
            cost = costs.root(kind, 0, entry.symbol) + entry.cost + costs.statement(kind)
            self._returned.append((cost, entry))
        for update, items in zip(UPDATES, self._items, strict=True):
            if update.item == entry.type:
                cost = update.item_cost(costs, entry.symbol) + entry.cost
                items.setdefault(cost, []).append(entry)
        if entry.type == "bool" and not entry.partial and True in entry.values:
            self._take_condition(entry)

    def _take_condition(self, entry: Entry) -> None:
        costs, values = self.problem.costs, entry.values
        turns = [[p for p in range(a, b) if values[p]] for a, b in self.segments]
        cost = costs.root("if", 0, entry.symbol) + entry.cost + costs.statement("if")
        self._conditions.setdefault(cost, []).append(Condition(entry=entry, turns=turns))
        if self.running is not None and not entry.marks & HAS_STATE:
            return
        first: dict[int, int] = {}
        for point, owner in enumerate(self.owners):
            if values[point]:
                first.setdefault(owner, point)
        fired, outputs = sum(1 << owner for owner in first), self.problem.outputs
        for own, returned in self._returned:
            if all(returned.values[point] == outputs[owner] for owner, point in first.items()):
                whole = self.offset + cost + own
                known = self.problem.guards.get(fired)
                if known is None or whole < known.cost:
                    self.problem.guards[fired] = Guard(
                        body=self, condition=entry, result=returned, fired=fired, cost=whole
                    )
                break

    def _folds(self, total: int) -> Iterator[Fold]:
        """Yield the variables that one statement builds up at a cost in all."""
        for update, items in zip(UPDATES, self._items, strict=True):
            left = total - self.offset - update.cost(self.problem.costs)
            if left < 0:
                continue
            for item in items.get(left, ()):
                yield from self._fold(update, item, None, total)
            for cost, conditions in self._conditions.items():
                some = items.get(left - cost)
                if some:
                    for condition in conditions:
                        for item in some:
                            yield from self._fold(update, item, condition, total)

    def _fold(
        self, update: Update, item: Entry, condition: Condition | None, total: int
    ) -> Iterator[Fold]:
        marks = item.marks | (condition.entry.marks if condition else 0)
        if self.running is not None and not marks & HAS_STATE:
            return
        self.num_tried += 1
        if not self.num_tried & 255:
            self.problem.deadline.check()
        values, own = [], item.values
        for place, (first, end) in enumerate(self.segments):
            items = (
                own[first:end] if condition is None else [own[p] for p in condition.turns[place]]
            )
            values.append(None if item.partial and None in items else update.fold(items))
        if any(each is not None for each in values):
            fold = Fold(
                body=self, update=update, item=item, condition=condition, values=tuple(values)
            )
            yield fold
            if update.runs and self.depth == 1 and self.running is None and not item.partial:
                self._add_running(fold, total)

    def _add_running(self, fold: Fold, total: int) -> None:
        """Look at a variable's value in each turn, too, if it is one of the cheapest."""
        if sum(isinstance(each, Body) for each in self._beside) >= _MAX_RUNNING:
            return
        values: list[Any] = []
        for place, (first, end) in enumerate(self.segments):
            points = range(first, end) if fold.condition is None else fold.condition.turns[place]
            chosen, items = set(points), []
            for point in range(first, end):
                if point in chosen:
                    items.append(fold.item.values[point])
                values.append(fold.update.fold(items))
        if None in values:
            return
        slot = next(self.problem.slots)
        cost = choice_cost(1 + sum(v.type == fold.state for v in self.variables))
        state = variable(fold.state, values, slot, cost, HAS_STATE)
        self._beside.append(
            Body(
                self.problem, [*self.variables, state], self.owners, offset=total,
                parent=self.parent, head=self.head, slot=self.slot, segments=self.segments,
                running=fold,
            )
        )  # fmt: skip

    def _add_loop(self, head: Head, offset: int) -> None:
        """Search a loop, unless another one goes over the same."""
        if len(self._known_loops) >= _MAX_LOOPS[self.depth]:
            return
        turns = head.turns()
        if turns is None:
            return
        num_points = sum(map(len, turns))
        key = marshal.dumps(turns, 2)
        if num_points < 2 or num_points > _MAX_POINTS or key in self._known_loops:
            return
        self._known_loops.add(key)
        if self.depth == 0 and len(self._known_loops) % self.problem.shares != self.problem.share:
            return
        self._loops.append(self._loop(head, turns, offset))

    def _loop(self, head: Head, turns: list[list[Any]], offset: int) -> "Body":
        ends, segments = 0, []
        for each in turns:
            segments.append((ends, ends + len(each)))
            ends += len(each)
        points = [point for point, each in enumerate(turns) for _ in each]
        slot = next(self.problem.slots)
        count_of = Counter([head.item, *(v.type for v in self.variables)])
        seen = [
            variable(
                v.type, [v.values[p] for p in points], v.leaf.slot, choice_cost(count_of[v.type])
            )
            for v in self.variables
        ]
        own = variable(head.item, [item for each in turns for item in each], slot, 0)
        body = Body(
            self.problem, [own, *seen], [self.owners[p] for p in points], offset=offset,
            parent=self, head=head, slot=slot, segments=segments,
        )  # fmt: skip
        if self.depth == 0:
            from models.programs.synthesis.recurrences import recurrences

            body._beside += recurrences(body)
        return body


def _constants(problem: Problem, num_points: int) -> list[Entry]:
    return constants(problem.given, num_points, choice_cost(len(problem.given)))
