"""What loops may go over: each expression is a source of loops, cheap pairs are ranges."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from models.programs.language.kinds import SLOT, Type
from models.programs.language.tree import Node
from models.programs.synthesis.costs import Costs
from models.programs.synthesis.entries import Entry

MAX_TURNS = 60
"""Turns of a loop on one example; longer ones are not searched."""
_HUGE = 1 << 40
_MAX_BOUNDS = (0, 12, 4)
"""Cheapest expressions that are tried as one bound of a range, by how many others it has."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Head:
    """The head of a loop.

    Args:
        kind: of the statement.
        args: what it goes over, of the entries of the body around.
    """

    kind: str
    args: tuple[Entry, ...]

    @property
    def item(self) -> Type:
        """Type of the loop's variable."""
        return "str" if self.kind in ("for_str", "for_words") else "int"

    def turns(self) -> list[list[Any]] | None:
        """Return what the loop goes over at each point, or None where that is too much."""
        found = []
        for row in zip(*(each.values for each in self.args), strict=True):
            items = _HEADS[self.kind][1](*row)
            if len(items) > MAX_TURNS:
                return None
            found.append(list(items))
        return found


class Sources:
    """The heads of loops that may stand in a body, by cost.

    Args:
        costs: of constructs.
        max_cost: of a head.
    """

    def __init__(self, costs: Costs, max_cost: int) -> None:
        self._costs = costs
        self._max_cost = max_cost
        self._bounds: dict[str, list[list[tuple[int, Entry]]]] = {
            kind: [[] for _ in types] for kind, (types, _) in _HEADS.items()
        }
        self._pending: dict[int, list[Head]] = {}

    @staticmethod
    def uses(costs: Costs) -> dict[Type, int]:
        """Return the least cost that is added to an expression of a type to be gone over."""
        found: dict[Type, int] = {}
        for kind, (types, _) in _HEADS.items():
            if len(types) == 1:
                value_type: Type = types[0]
                use = costs.statement(kind) + costs.least(kind, 0)
                found[value_type] = min(found.get(value_type, use), use)
        return found

    def take(self, entry: Entry) -> None:
        """Note the heads that an expression makes, alone or with those before it."""
        if entry.partial or entry.cost > self._max_cost:
            return
        for kind, (types, _) in _HEADS.items():
            is_named = entry.symbol == SLOT and isinstance(entry.leaf, Node)
            if entry.type == "list" and is_named != (kind == "for_slot"):
                continue
            for place, value_type in enumerate(types):
                if value_type == entry.type:
                    self._take(kind, place, entry)

    def due(self, cost: int) -> Iterator[tuple[int, Head]]:
        """Yield the heads of at most a cost that were not yielded before, cheap ones first."""
        for own in sorted(each for each in self._pending if each <= cost):
            for head in self._pending.pop(own):
                yield own, head

    def _take(self, kind: str, place: int, entry: Entry) -> None:
        own = entry.cost + self._costs.root(kind, place, entry.symbol)
        bounds = self._bounds[kind]
        others = [[(own, entry)] if n == place else each for n, each in enumerate(bounds)]
        for cost, args in _combined(others):
            whole = cost + self._costs.statement(kind)
            if whole <= self._max_cost and any(map(_varies, args)):
                self._pending.setdefault(whole, []).append(Head(kind=kind, args=args))
        if len(bounds[place]) < _MAX_BOUNDS[len(bounds) - 1]:
            bounds[place].append((own, entry))


def _combined(
    places: Iterable[list[tuple[int, Entry]]],
) -> Iterator[tuple[int, tuple[Entry, ...]]]:
    """Yield one entry for each place with what they cost together."""
    first, *others = places
    for cost, entry in first:
        if not others:
            yield cost, (entry,)
            continue
        for more, rest in _combined(others):
            yield cost + more, (entry, *rest)


def _varies(entry: Entry) -> bool:
    """Tell whether a variable stands in an expression."""
    return entry.symbol == SLOT or any(map(_varies, entry.args))


def _range(*numbers: int) -> range:
    """Return a range; a long one, which is not searched, where Python has none or it is huge."""
    if max(map(abs, numbers)) > _HUGE or numbers[2:] == (0,):
        return range(MAX_TURNS + 1)
    return range(*numbers)


_HEADS: dict[str, tuple[tuple[Type, ...], Callable[..., Any]]] = {
    "for_slot": (("list",), list),
    "for_list": (("list",), list),
    "for_str": (("str",), list),
    "for_words": (("str",), str.split),
    "for_range_1": (("int",), _range),
    "for_range_2": (("int", "int"), _range),
    "for_range_3": (("int", "int", "int"), _range),
}
"""Types of what each head of a loop takes, and what it goes over."""
