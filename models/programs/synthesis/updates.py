"""What a loop does with the items it comes by: the variables that it builds up."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from models.programs.language.kinds import Type
from models.programs.language.tree import Node
from models.programs.synthesis.costs import Costs
from models.programs.synthesis.enumerated import LIMITS

_USUAL = 2
"""Cost of the constant that counts, or that raises a flag."""
_GREATEST = 1 << LIMITS.max_int_bits


@dataclass(frozen=True, kw_only=True)
class Update:
    """A variable with a start and a statement that changes it, in each turn or under a condition.

    Args:
        kind: of the statement.
        item: type of the expression in it.
        state: type of the variable.
        start: what the variable is at first.
        fold: what it is in the end, from the items.
        wrapping: the kind of expression around the item and the variable, if any.
        item_first: whether the item is that expression's first part.
        runs: whether it is worth a look what the variable is in each turn.
        usual: constants that the item mostly is, where it is one.
    """

    kind: str
    item: Type
    state: Type
    start: Any
    fold: Callable[[Sequence[Any]], Any]
    wrapping: str | None = None
    item_first: bool = False
    runs: bool = False
    usual: tuple[str, ...] = ()

    def cost(self, costs: Costs) -> int:
        """Return the cost of start and statement without the item."""
        let = f"let_{self.state}"
        symbol = "empty" if self.start == [] else repr(self.start)
        around = 0
        if self.wrapping:
            place = 1 if self.item_first else 0
            around = costs.root(self.kind, 0, self.wrapping)
            around += costs.root(self.wrapping, place, "slot")
        start = costs.statement(let) + costs.root(let, 0, symbol)
        return start + costs.statement(self.kind) + around

    def item_cost(self, costs: Costs, symbol: str) -> int:
        """Return the cost of an item's root."""
        if symbol in self.usual:
            return _USUAL
        if self.wrapping:
            return costs.root(self.wrapping, 0 if self.item_first else 1, symbol)
        return costs.root(self.kind, 0, symbol)

    def least(self, costs: Costs) -> int:
        """Return the least cost of an item's root."""
        if self.usual:
            return _USUAL
        if self.wrapping:
            return costs.least(self.wrapping, 0 if self.item_first else 1)
        return costs.least(self.kind, 0)

    def statement(self, slot: int, item: Node) -> Node:
        """Return the statement."""
        if self.wrapping:
            own = Node(kind="slot", slot=slot)
            item = Node(kind=self.wrapping, args=(item, own) if self.item_first else (own, item))
        return Node(kind=self.kind, slot=slot, args=(item,))


def _product(items: Sequence[int]) -> int | None:
    found = math.prod(items)
    return found if -_GREATEST < found < _GREATEST else None


def _joined(items: Sequence[str]) -> str | None:
    found = "".join(items)
    return found if len(found) <= LIMITS.max_length else None


def _backwards(items: Sequence[str]) -> str | None:
    return _joined(items[::-1])


def _chained(items: Sequence[list[int]]) -> list[int] | None:
    found = [number for item in items for number in item]
    return found if len(found) <= LIMITS.max_length else None


def _last(start: Any) -> Callable[[Sequence[Any]], Any]:
    return lambda items: items[-1] if items else start


UPDATES: tuple[Update, ...] = (
    Update(kind="iadd", item="int", state="int", start=0, fold=sum, runs=True, usual=("1",)),
    Update(kind="imul", item="int", state="int", start=1, fold=_product, runs=True),
    Update(kind="append", item="int", state="list", start=[], fold=list),
    Update(kind="iadd_str", item="str", state="str", start="", fold=_joined),
    Update(
        kind="set_str", item="str", state="str", start="", fold=_backwards,
        wrapping="concat_str", item_first=True,
    ),
    Update(
        kind="set_int", item="int", state="int", start=0, fold=lambda items: max(0, *items, 0),
        wrapping="max_2", runs=True,
    ),
    Update(kind="iadd_list", item="list", state="list", start=[], fold=_chained),
    Update(kind="set_int", item="int", state="int", start=0, fold=_last(0)),
    Update(kind="set_int", item="int", state="int", start=-1, fold=_last(-1)),
    Update(kind="set_str", item="str", state="str", start="", fold=_last("")),
    Update(
        kind="set_bool", item="bool", state="bool", start=False, fold=_last(False),
        usual=("True",),
    ),
    Update(
        kind="set_bool", item="bool", state="bool", start=True, fold=_last(True),
        usual=("False",),
    ),
)  # fmt: skip
"""As `map`, `filter`, `count` and `scanl` of DeepCoder (Balog et al. 2017, section 4.1), in the
statements of the language; a flag is a truth value that is set under a condition."""
