"""Names in scope while Python source is read."""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from models.errors import did_you_mean
from models.programs.language.kinds import NUM_SLOTS, Type
from models.programs.language.refusals import NeedsTexts, Refusal

FUNCTIONS = {
    "abs", "all", "any", "bin", "chr", "dict", "enumerate", "float", "int", "len", "list", "max",
    "min", "ord", "range", "reversed", "round", "set", "sorted", "str", "sum", "zip",
}  # fmt: skip
"""Names that a variable must not have, since the language calls them."""


@dataclass(kw_only=True)
class Slots:
    """All slots of a program, in order of definition.

    Args:
        names: of each.
        types: of each.
        counts_values: whether a condition may be a number, a text or a list, as in `if xs:`.
        allows_texts: whether an expression may be a list of str.
        started: types of names that start from `[]`, `set()` or `{}` and are no list of int.
        wants_texts: whether something was refused because it is texts.
        asked: names whose types what was read so far depends on.
    """

    names: list[str] = field(default_factory=list)
    types: list[Type | None] = field(default_factory=list)
    counts_values: bool = False
    allows_texts: bool = False
    started: Mapping[str, Type] = field(default_factory=dict)
    wants_texts: bool = False
    asked: set[str] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a block sees.

    Args:
        slots: of the whole program.
        visible: name -> slot.
        frozen: slot -> why it must not be changed here.
        outer: names that were defined outside the block.
    """

    slots: Slots
    visible: dict[str, int]
    frozen: dict[int, str]
    outer: frozenset[str] = frozenset()

    def nested(self, freeze: Iterable[tuple[int, str]] = ()) -> "Scope":
        """Return the scope of a block inside this one, with more frozen slots."""
        frozen = {**dict(freeze), **self.frozen}
        return replace(
            self, visible=dict(self.visible), frozen=frozen, outer=frozenset(self.visible)
        )

    def slot(self, node: ast.Name) -> int:
        """Return the slot that a name stands for."""
        self.slots.asked.add(node.id)
        if node.id not in self.visible:
            raise self._undefined(node)
        return self.visible[node.id]

    def type_of(self, node: ast.Name) -> Type:
        """Return the type of what a name stands for."""
        value_type = self.slots.types[self.slot(node)]
        assert value_type is not None  # of what is visible
        return value_type

    def define(self, node: ast.AST, name: str, value_type: Type) -> int:
        """Give the next slot to a new name and return it."""
        slot = self.reserve(node, name)
        self.show(slot, value_type)
        return slot

    def show(self, slot: int, value_type: Type) -> None:
        """Make a reserved slot visible."""
        self.slots.types[slot] = value_type
        self.visible[self.slots.names[slot]] = slot

    def reserve(self, node: ast.AST, name: str) -> int:
        """Give the next slot to a name that is not visible yet.

        Slots are numbered in the order of the derivation, where a definition stands before the
        expressions in it, which may define more.
        """
        if name in FUNCTIONS:
            raise Refusal(node, "{} is a function here", "use another name", it=repr(name))
        slot = len(self.slots.names)
        if slot == NUM_SLOTS:
            what, allowed = f"{{}} is variable {slot + 1}", f"{NUM_SLOTS} are allowed"
            raise Refusal(node, what, allowed, it=repr(name))
        self.slots.names.append(name)
        self.slots.types.append(None)
        return slot

    def need_texts(self, node: ast.AST) -> None:
        """Refuse lists of str while a function is read without them."""
        if not self.slots.allows_texts:
            self.slots.wants_texts = True
            raise NeedsTexts(node, "a list of str")

    def forget(self, num_slots: int) -> None:
        """Take back all slots but the first ones: what reserved them is read once more."""
        del self.slots.names[num_slots:], self.slots.types[num_slots:]

    def changeable(self, node: ast.Name) -> int:
        """Return the slot of a name that is about to be changed."""
        slot = self.slot(node)
        if slot in self.frozen:
            why = self.frozen[slot]
            raise Refusal(node, "{} must not change here", why, it=repr(node.id))
        return slot

    def _undefined(self, node: ast.Name) -> Refusal:
        name = repr(node.id)
        if node.id in self.slots.names:
            reason = "{} was defined in a block that has ended, so it may be undefined here"
            return Refusal(node, reason, "give it a value before that block", it=name)
        hint = f".{did_you_mean(node.id, self.visible)}"
        return Refusal(node, "{} is not defined here", hint=hint, it=name)
