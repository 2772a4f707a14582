"""What loops are made of: heads, conditions, what they build up, early returns."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from models.programs.language.kinds import Type
from models.programs.synthesis.costs import Costs
from models.programs.synthesis.deadline import Deadline
from models.programs.synthesis.entries import Entry
from models.programs.synthesis.updates import Update

if TYPE_CHECKING:
    from models.programs.synthesis.bodies import Body


class Found(Protocol):
    """What a loop builds up, as its parent sees it: a variable behind the loop."""

    @property
    def state(self) -> Type:
        """Type of the variable."""
        ...

    @property
    def values(self) -> tuple[Any, ...]:
        """Its values at the points of the parent."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Condition:
    """A truth value that holds at some points.

    Args:
        entry: the expression.
        turns: for each point of the parent, the points of the body at which it holds.
    """

    entry: Entry
    turns: list[list[int]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """A variable that a loop builds up by one statement, perhaps under a condition."""

    body: "Body"
    update: Update
    item: Entry
    condition: "Condition | None"
    values: tuple[Any, ...]

    @property
    def state(self) -> Type:
        """Type of the variable."""
        return self.update.state


@dataclass(frozen=True, kw_only=True, eq=False)
class Guard:
    """A loop that returns early, where a condition holds for the first time.

    Args:
        body: of the loop.
        condition: when it returns.
        result: what it returns.
        fired: bits of the examples on which it returns; each gets its output.
        cost: of all of it.
    """

    body: "Body"
    condition: Entry
    result: Entry
    fired: int
    cost: int


@dataclass(kw_only=True)
class Problem:
    """What all bodies of a search share.

    Args:
        costs: of constructs.
        deadline: of the search.
        outputs: of the examples.
        returns: their type.
        given: constants of the examples.
        guards: the cheapest loop that returns early, by the examples on which it returns.
        slots: numbers of variables that no other has.
        share, shares: which of the function's loops are searched: each so many, from where.
    """

    costs: Costs
    deadline: Deadline
    outputs: tuple[Any, ...]
    returns: Type
    given: tuple[Any, ...]
    guards: dict[int, Guard] = field(default_factory=dict)
    slots: Iterator[int] = field(default_factory=lambda: count(100))
    share: int = 0
    shares: int = 1
