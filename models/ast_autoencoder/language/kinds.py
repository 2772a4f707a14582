"""Kinds of syntax nodes: what each production of the grammar `programs` stands for.

The first terminal of a production names its kind. Slots, constants, digits and characters have a
production each and share a kind.
"""

import ast
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, get_args

from models.grammar.grammar import Grammar, load_grammar
from models.grammar.symbols import Production

Type = Literal["int", "bool", "str", "list"]
"""Types of values; a list holds whole numbers."""

TYPES: tuple[Type, ...] = get_args(Type)

NONTERMINAL_OF: dict[Type, str] = {"int": "INT", "bool": "BOOL", "str": "STR", "list": "LIST"}
"""The nonterminal of the expressions of each type."""

TYPE_OF: dict[str, Type] = {name: value_type for value_type, name in NONTERMINAL_OF.items()}

NUM_SLOTS = 16
"""Variables of one program at most, its parameters included."""

MAX_PARAMETERS = 4

SLOT, CONSTANT, DIGIT, CHARACTER = "slot", "constant", "digit", "character"

_SLOT_NAME = re.compile(r"v(\d+)")
_WORD = re.compile(r"[a-z]\w*")
_SPELLED = {"NUMBER": DIGIT, "DIGITS": DIGIT, "CHARS": CHARACTER}

Value = int | str | bool


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What one production stands for.

    Args:
        id: the production's id.
        name: "add", "let_int", ...; "slot", "constant", "digit" or "character" where productions
            share a kind; "digits_end" and so on for an empty right-hand side.
        lhs: the nonterminal it replaces.
        children: the nonterminals of its right-hand side.
        slot: of a "slot".
        value: of a "constant", a "digit" (a text) or a "character".
    """

    id: int
    name: str
    lhs: str
    children: tuple[str, ...]
    slot: int | None = None
    value: Value | None = None

    @property
    def ends(self) -> bool:
        """Whether it only closes a sequence and stands for no node."""
        return self.name == "end" or self.name.endswith("_end")


@dataclass(frozen=True, kw_only=True)
class Language:
    """The grammar of programs with the kind of each production.

    Args:
        grammar: the built-in grammar `programs`.
        kinds: by production id.
    """

    grammar: Grammar
    kinds: tuple[Kind, ...]

    def id_of(self, name: str) -> int:
        """Return the id of the production of a kind that has just one."""
        return self._ids[name]

    def slot_id(self, lhs: str, slot: int) -> int:
        """Return the id of the production that stands for a slot."""
        return self._slots[lhs, slot]

    def constant_id(self, lhs: str, value: Value) -> int | None:
        """Return the id of the production of a constant, a digit or a character, if it has one."""
        return self._constants.get((lhs, value))

    @cached_property
    def _ids(self) -> dict[str, int]:
        shared = (SLOT, CONSTANT, DIGIT, CHARACTER)
        return {kind.name: kind.id for kind in self.kinds if kind.name not in shared}

    @cached_property
    def _slots(self) -> dict[tuple[str, int], int]:
        return {(kind.lhs, kind.slot): kind.id for kind in self.kinds if kind.slot is not None}

    @cached_property
    def _constants(self) -> dict[tuple[str, Value], int]:
        return {(kind.lhs, kind.value): kind.id for kind in self.kinds if kind.value is not None}


@lru_cache(maxsize=1)
def language() -> Language:
    """Return the language of programs, read once."""
    grammar = load_grammar("programs")
    kinds = tuple(_kind(index, item) for index, item in enumerate(grammar.productions))
    return Language(grammar=grammar, kinds=kinds)


def _kind(index: int, production: Production) -> Kind:
    lhs, children = production.lhs, production.nonterminals
    if not production.rhs:
        return Kind(id=index, name=f"{lhs.lower()}_end", lhs=lhs, children=children)
    label = production.rhs[0].text
    if slot := _SLOT_NAME.fullmatch(label):
        return Kind(id=index, name=SLOT, lhs=lhs, children=children, slot=int(slot[1]))
    if _WORD.fullmatch(label):
        return Kind(id=index, name=label, lhs=lhs, children=children)
    name = _SPELLED.get(lhs, CONSTANT)
    value = label if name == DIGIT else ast.literal_eval(label)
    return Kind(id=index, name=name, lhs=lhs, children=children, value=value)
