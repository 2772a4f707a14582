"""A program while it is being made up: its variables so far and what a block sees of them."""

import random
from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Literal, TypeVar

from models.programs.data.human_weights import Style
from models.programs.language.kinds import CONSTANT, SLOT, ConstantValue, Type
from models.programs.language.tree import Node

Role = Literal["parameter", "local", "result", "item", "character", "word", "index", "counter"]
"""What a variable is for: result, what a loop builds up; item, character and word, what a loop
goes over; index, a number that runs over the places of a list or a text; counter, of a while."""

MAX_DRAFT_SLOTS = 12
"""Variables that random programs have at most; the language has room for more."""

KeyT = TypeVar("KeyT", bound=int | str)


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable of a draft.

    Args:
        slot: its number, in order of invention.
        type: of its values.
        role: what it is for.
        container: slot of what an index runs over.
    """

    slot: int
    type: Type
    role: Role
    container: int | None = None


@dataclass(kw_only=True)
class Draft:
    """What all blocks of a draft share.

    Args:
        rng: the source of all choices.
        returns: type of what the program returns.
        variables: all so far, by slot.
        used: slots that something reads.
        style: of the program; what the plain one draws never changes.
    """

    rng: random.Random
    returns: Type
    variables: list[Variable] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    style: Style = "plain"

    def invent(self, value_type: Type, role: Role, container: int | None = None) -> Variable:
        """Return a new variable."""
        slot = len(self.variables)
        variable = Variable(slot=slot, type=value_type, role=role, container=container)
        self.variables.append(variable)
        return variable

    @property
    def has_room(self) -> bool:
        """Whether a loop with a variable or two may follow."""
        return len(self.variables) <= MAX_DRAFT_SLOTS - 2


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a block sees.

    Args:
        draft: that it belongs to.
        visible: variables.
        frozen: slots that must not change.
        num_loops: loops around it.
        depth: blocks around it.
        in_for: whether the innermost loop around it is a for.
    """

    draft: Draft
    visible: tuple[Variable, ...] = ()
    frozen: frozenset[int] = frozenset()
    num_loops: int = 0
    depth: int = 0
    in_for: bool = False

    @property
    def rng(self) -> random.Random:
        """The source of all choices."""
        return self.draft.rng

    def plus(self, *variables: Variable) -> "Scope":
        """Return the scope with more variables."""
        return replace(self, visible=self.visible + variables)

    def nested(
        self,
        *variables: Variable,
        frozen: Iterable[int] = (),
        is_loop: bool = False,
        in_for: bool = True,
    ) -> "Scope":
        """Return the scope of a block inside."""
        return replace(
            self,
            visible=self.visible + variables,
            frozen=self.frozen | set(frozen),
            num_loops=self.num_loops + is_loop,
            depth=self.depth + 1,
            in_for=in_for if is_loop else self.in_for,
        )

    def of_type(self, value_type: Type) -> list[Variable]:
        """Return the visible variables of a type."""
        return [variable for variable in self.visible if variable.type == value_type]

    def changeable(self) -> list[Variable]:
        """Return the variables that statements may change."""
        return [
            variable
            for variable in self.visible
            if variable.slot not in self.frozen and variable.role in ("result", "local")
        ]

    def read(self, variable: Variable) -> Node:
        """Return the node that reads a variable."""
        self.draft.used.add(variable.slot)
        return Node(kind=SLOT, slot=variable.slot)


def node(
    kind: str,
    *args: Node,
    slot: int | None = None,
    blocks: Sequence[Sequence[Node]] = (),
) -> Node:
    """Return a node."""
    return Node(kind=kind, slot=slot, args=args, blocks=tuple(map(tuple, blocks)))


def constant(value: ConstantValue) -> Node:
    """Return a constant; a negative number but -1 is the negative of one."""
    if type(value) is int and value < -1:
        return node("neg", constant(-value))
    return Node(kind=CONSTANT, value=value)


def size_of(item: Node) -> int:
    """Return the number of nodes of an expression or statement, as in its graph."""
    if not item.args:
        return 1
    size = 1 + sum(map(size_of, item.args))
    for block in item.blocks:
        size += sum(map(size_of, block))
    if item.slot is None:
        return size
    return size + (item.family in _WITH_TARGET and item.kind not in _SHRINKS)


_WITH_TARGET = ("set", "augment", "append", "store", "while")
"""Families whose slot is a node of its own."""

_SHRINKS = ("shrink_gt", "shrink_gt_and")
"""Their slot is a node as well, but was never counted: sizes decide which programs a seed gives,
so that counting it would change every data set that is made anew."""


def choose(rng: random.Random, weights: Mapping[KeyT, float]) -> KeyT:
    """Return a key with a probability in proportion to its weight."""
    return choose_by(rng, tuple(weights), tuple(accumulate(weights.values())))


def choose_by(rng: random.Random, keys: Sequence[KeyT], cumulated: Sequence[float]) -> KeyT:
    """Return a key, given the weights added up: just what `Random.choices` draws, but faster."""
    return keys[bisect(cumulated, rng.random() * (cumulated[-1] + 0.0), 0, len(keys) - 1)]
