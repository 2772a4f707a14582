"""What each construct costs in the enumeration: how unlikely it is where it stands.

A cost is -2 log2 of a probability, rounded, so that 2 is a bit: small whole numbers, by which
entries are kept and combined. Probabilities are those of generated programs (`learn_costs.py`) by
parent and place, as in the bigram grammars of Euphony (Lee et al. 2018, Accelerating Search-Based
Program Synthesis using Learned Probabilistic Models, section 3), mixed with those by type alone.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from models.programs.language.kinds import SLOT, TYPE_OF, Type, language

COSTS = Path(__file__).with_name("costs.json")

GIVEN = "given"
"""Symbol of the constants that are taken from the examples."""

_SHARES = (0.6, 0.3, 0.1)
"""Of the probabilities at a place, of those by type, and of all symbols alike: people's programs
are not quite like generated ones."""
_SYMBOLS = 80
"""About as many symbols may stand at a place."""
_LOOP, _IF, _RETURN = 4, 3, 3
"""Costs of having a loop, a branch in it, and a return before the last one."""
_SAYS = 3
"""Cost of returning True or False where a condition has told the cases apart, which generated
programs do less than people's."""
_GIVEN = 0.06
"""Probability that a leaf is a constant of the examples."""


class Costs:
    """Costs of expressions by their root and place, and of statements by their kind."""

    def __init__(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        self._counts = counts
        self._of_type: dict[str, Counter[str]] = {}
        for where, found in counts.items():
            if where != "statements":
                self._of_type.setdefault(_type_at(where), Counter()).update(found)
        self._known: dict[tuple[str, int, str], int] = {}
        self._least: dict[tuple[str, int], int] = {}

    @lru_cache(maxsize=256)  # noqa: B019  # there is one of these for good
    def statement(self, kind: str) -> int:
        """Return the cost of a statement of a kind, what stands in it not counted.

        A variable follows from the statement that changes it, so that its start is free; loops are
        told from loops and changes from changes.
        """
        family = language().named(kind).family
        if family in _FIXED:
            return _FIXED[family]
        group = ("for",) if family == "for" else _CHANGES
        counts = {
            name: n
            for name, n in self._counts["statements"].items()
            if language().named(name).family in group
        }
        own = cost_of(max(counts.get(kind, 0), 1) / sum(counts.values()))
        return own + (_LOOP if family == "for" else 0)

    def root(self, parent: str, place: int, symbol: str) -> int:
        """Return the cost of an expression's root where it stands.

        Args:
            parent: kind of the expression or statement that it stands in.
            place: which of its expressions it is.
            symbol: a kind, the text of a constant, SLOT for a variable, or GIVEN.
        """
        key = parent, place, symbol
        if key not in self._known:
            self._known[key] = self._root(*key)
        return self._known[key]

    def least(self, parent: str, place: int) -> int:
        """Return the least cost of any root that may stand somewhere.

        The bank of every loop asks for that of every place.
        """
        key = parent, place
        if key not in self._least:
            self._least[key] = self._least_at(*key)
        return self._least[key]

    def _least_at(self, parent: str, place: int) -> int:
        where = f"{parent} {place}"
        symbols = {*self._counts.get(where, ()), *self._of_type.get(_type_at(where), ())}
        return min(self.root(parent, place, symbol) for symbol in {*symbols, GIVEN})

    def _root(self, parent: str, place: int, symbol: str) -> int:
        if symbol == GIVEN:
            return cost_of(_GIVEN)
        if parent == "return_bool" and symbol in ("True", "False"):
            return _SAYS
        where = f"{parent} {place}"
        here = self._counts.get(where, {})
        by_type = self._of_type.get(_type_at(where), Counter())
        shares = (
            here.get(symbol, 0) / max(sum(here.values()), 1),
            by_type[symbol] / max(by_type.total(), 1),
            1 / _SYMBOLS,
        )
        return cost_of(sum(a * b for a, b in zip(_SHARES, shares, strict=True)))


_CHANGES = ("set", "augment", "append")
_FIXED: Mapping[str, int] = {"let": 0, "if": _IF, "return": _RETURN}


def cost_of(probability: float) -> int:
    """Return the cost of something of a probability; at least 1, so that larger costs more."""
    return max(1, round(-2 * math.log2(probability)))


def choice_cost(count: int) -> int:
    """Return what it costs to say which of so many variables is meant."""
    return round(2 * math.log2(max(count, 1)))


@lru_cache(maxsize=1)
def learned_costs() -> Costs:
    """Return the costs that come with the language."""
    return Costs(json.loads(COSTS.read_text(encoding="utf-8")))


def expression_types(kind_name: str) -> tuple[Type, ...]:
    """Return the types of the expressions in a node of a kind, in order."""
    return tuple(_expression_children(language().named(kind_name).children))


def _expression_children(children: Iterable[str]) -> Iterable[Type]:
    return (TYPE_OF[name] for name in children if name in TYPE_OF)


def _type_at(where: str) -> str:
    """Return the type that is wanted at a place; the list that a loop goes over is a slot."""
    kind, place = where.split(" ")
    types = expression_types(kind)
    return types[int(place)] if int(place) < len(types) else SLOT
