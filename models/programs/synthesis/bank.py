"""Expressions from the bottom up, cheapest first, one for each behaviour.

Two expressions with the same values at all points are the same to the search, so only the first is
kept: observational equivalence, as in TRANSIT (Udupa et al. 2013, section 4.2) and Escher
(Albarghouthi et al. 2013, section 4). The order is by cost, as in Probe (Barke et al. 2020,
Just-in-Time Learning for Bottom-Up Enumerative Synthesis, section 4).
"""

import marshal
from collections.abc import Iterator, Mapping
from typing import Any

from models.programs.language.kinds import TYPES, Type
from models.programs.synthesis.costs import Costs
from models.programs.synthesis.deadline import Deadline
from models.programs.synthesis.entries import Entry
from models.programs.synthesis.enumerated import Enumerated, applied, enumerated

_HASHABLE = ("int", "bool", "str")
_CHECK = 1023
"""Between looks at the clock, as a mask."""


class Bank:
    """Expressions over some points, by cost.

    Args:
        costs: of constructs.
        limit: entries at most; the bank stays as it is from there on.
        deadline: of the search.
        uses: least cost that is added to an expression of a type until it does something; what
            another type is needed for follows from these.
    """

    def __init__(
        self, costs: Costs, limit: int, deadline: Deadline, uses: Mapping[Type, int]
    ) -> None:
        self.num_tried = 0
        self.size = 0
        self._costs = costs
        self._limit = limit
        self._deadline = deadline
        self._uses = outside_costs(costs, uses)
        self._kinds = sorted(
            (kind for kind in enumerated() if kind.result in self._uses),
            key=lambda kind: -self._uses[kind.result],
        )
        self._seen: dict[Type, set[Any]] = {value_type: set() for value_type in TYPES}
        self._by: dict[Type, dict[str, dict[int, list[Entry]]]] = {t: {} for t in TYPES}
        self._rows: dict[tuple[str, int, int], list[list[Entry]]] = {}

    @property
    def is_full(self) -> bool:
        """Whether nothing more is taken."""
        return self.size >= self._limit

    def add(self, entry: Entry) -> bool:
        """Keep an entry unless another one has the same values."""
        values = entry.values
        key = values if entry.type in _HASHABLE else marshal.dumps(values, 2)
        seen = self._seen[entry.type]
        if key in seen:
            return False
        seen.add(key)
        self.size += 1
        symbols = self._by[entry.type].setdefault(entry.symbol, {})
        symbols.setdefault(entry.cost, []).append(entry)
        return True

    def level(self, total: int) -> list[Entry]:
        """Return the new operations that can do something at a cost in all.

        All smaller costs must have been asked for. An operation is not needed before its own cost
        and the least of what has to be around it come to the total, which is the outside cost of A*
        search (Lee et al. 2018, section 4).
        """
        new: list[Entry] = []
        for kind in self._kinds:
            cost = total - self._uses[kind.result]
            for args in self._arguments(kind, 0, cost) if cost > 0 else ():
                if self.size >= self._limit:
                    return new
                self.num_tried += 1
                if not self.num_tried & _CHECK:
                    self._deadline.check()
                entry = applied(kind, args, cost)
                if entry is not None and self.add(entry):
                    new.append(entry)
        return new

    def _arguments(self, kind: Enumerated, place: int, cost: int) -> Iterator[tuple[Entry, ...]]:
        """Yield what may stand at a place and behind it for a cost in all."""
        if place == len(kind.arguments) - 1:
            for entries in self._row(kind, place, cost):
                for entry in entries:
                    yield (entry,)
            return
        left = len(kind.arguments) - place - 1
        for share in range(1, cost - left + 1):
            firsts = self._row(kind, place, share)
            if not firsts:
                continue
            others = list(self._arguments(kind, place + 1, cost - share))
            if not others:
                continue
            for entries in firsts:
                for entry in entries:
                    for rest in others:
                        yield (entry, *rest)

    def _row(self, kind: Enumerated, place: int, cost: int) -> list[list[Entry]]:
        """Return the lists of entries that cost so much at a place of a kind."""
        key = kind.name, place, cost
        found = self._rows.get(key)
        if found is None:
            found = []
            for symbol, by_cost in self._by[kind.arguments[place]].items():
                own = cost - self._costs.root(kind.name, place, symbol)
                if own < 0 or own not in by_cost:
                    continue
                entries = by_cost[own]
                if place in kind.written_out:
                    entries = [each for each in entries if kind.takes(place, each)]
                found.append(entries)
            self._rows[key] = found
        return found


def outside_costs(costs: Costs, uses: Mapping[Type, int]) -> dict[Type, int]:
    """Return the least cost of what is around an expression of each type in a statement.

    Args:
        costs: of constructs.
        uses: the same where it stands in the statement itself.
    """
    found = dict(uses)
    kinds = [
        (kind, sum(costs.least(kind.name, place) for place in range(len(kind.arguments))))
        for kind in enumerated()
    ]
    for _ in TYPES:  # a way over more types than there are is no shortest one
        for kind, least in kinds:
            if kind.result not in found:
                continue
            around = found[kind.result] + least
            for value_type in kind.arguments:
                found[value_type] = min(found.get(value_type, around), around)
    return found
