"""Kinds of syntax nodes: what each production of the grammar `programs` stands for.

The first terminal of a production names its kind. Slots, constants, digits and characters have a
production each and share a kind. Names are read here and nowhere else: whoever wants to know what
a kind does asks for its family, type, operation and direction.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, get_args

from models.grammar.grammar import Grammar, load_grammar
from models.grammar.symbols import Production

Type = Literal[
    "int", "bool", "str", "list", "texts", "float",
    "int_set", "str_set", "int_to_int", "str_to_int", "str_to_str", "int_to_str",
]  # fmt: skip
"""Types of values; a list holds whole numbers, texts are a list of str, the last ones are sets and
dictionaries."""

TYPES: tuple[Type, ...] = get_args(Type)

SETS: dict[Type, Type] = {"int_set": "int", "str_set": "str"}
"""Types of sets -> of their items."""

MAPS: dict[Type, tuple[Type, Type]] = {
    "int_to_int": ("int", "int"),
    "str_to_int": ("str", "int"),
    "str_to_str": ("str", "str"),
    "int_to_str": ("int", "str"),
}
"""Types of dictionaries -> of their keys and values."""

NONTERMINAL_OF: dict[Type, str] = {
    "int": "INT", "bool": "BOOL", "str": "STR", "list": "LIST", "texts": "TEXTS", "float": "FLOAT",
    **{value_type: value_type.upper() for value_type in (*SETS, *MAPS)},
}  # fmt: skip
"""The nonterminal of the expressions of each type."""

ITEM_OF: dict[Type, Type] = {"list": "int", "texts": "str"}
"""Types of the items of lists."""

ANNOTATIONS: dict[Type, str] = {
    "int": "int", "bool": "bool", "str": "str", "list": "list", "texts": "list[str]",
    "float": "float",
    **{of_set: f"set[{item}]" for of_set, item in SETS.items()},
    **{of_map: f"dict[{key}, {value}]" for of_map, (key, value) in MAPS.items()},
}  # fmt: skip
"""How Python says the types."""

LIST_OF: dict[Type, Type] = {item: list_type for list_type, item in ITEM_OF.items()}

TYPE_OF: dict[str, Type] = {name: value_type for value_type, name in NONTERMINAL_OF.items()}

NUM_SLOTS = 16
"""Variables of one program at most, its parameters included."""

MAX_PARAMETERS = 4

SLOT, CONSTANT, DIGIT, CHARACTER = "slot", "constant", "digit", "character"

Family = Literal[
    "program", "param", "last",  # a signature: what is returned, a parameter, the last parameter
    "let", "set", "augment", "append", "store",  # assignments; augment: `+=` and its likes;
    # append: whatever makes a list, a set or a dictionary longer or shorter
    "if", "for", "while", "step",  # blocks, and what moves the counter of a while
    "leave",  # `break` and `continue`
    "return", "end",  # what closes a block; numbers, texts and lists have an end, too
    "slot", "constant", "number", "text", "digit", "character", "more",  # number, text: spelled
    "conditional", "repeat", "operation",  # expressions: `a if c else b`, `xs * n`, all others
    "gather", "each", "where",  # comprehensions: what becomes of the values, the values, the if
]  # fmt: skip
"""What kinds have in common that differ in types or in an operation."""

Direction = Literal["up", "down", "shrink"]
"""How a counter of a while goes; shrink: divided, or replaced by a remainder, until it is small."""

ConstantValue = int | str | bool | float


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What one production stands for.

    Args:
        id: the production's id.
        name: "add", "let_int", ...; "slot", "constant", "digit" or "character" where productions
            share a kind; "digits_end" and so on for an empty right-hand side.
        lhs: the nonterminal it replaces.
        children: the nonterminals of its right-hand side.
        family: what it is.
        type: of the value of an expression, a program or a return; of the slot that a parameter or
            a statement defines, changes or stores into; None for all others.
        operation: the kind of expression that an augmented assignment or a step computes, or that
            a while compares its counter with.
        direction: of a while and its step.
        unconditional: of a while with a condition beside its bound, the name of the one without.
        slot: of a "slot".
        value: of a "constant", a "digit" (a text) or a "character".
        second: type of the second slot that a loop or a comprehension defines.
        maker: what makes the items that it goes over: "enumerate", "zip", "split" or "items".
    """

    id: int
    name: str
    lhs: str
    children: tuple[str, ...]
    family: Family
    type: Type | None = None
    operation: str | None = None
    direction: Direction | None = None
    unconditional: str | None = None
    slot: int | None = None
    value: ConstantValue | None = None
    second: Type | None = None
    maker: str | None = None

    @property
    def ends(self) -> bool:
        """Whether it only closes a sequence."""
        return self.family == "end"

    @property
    def makes_node(self) -> bool:
        """Whether it stands for a node; ends do not, nor what only adds an item to a list."""
        return self.family not in ("end", "more")

    @property
    def defines(self) -> bool:
        """Whether it defines the next slot, or the next two."""
        return self.family in ("param", "last", "let", "for", "each")

    @property
    def num_values(self) -> int:
        """Expressions behind the condition of a comprehension: a value, or a key and a value."""
        return len(self.children) - 1 - self.children.index("WHERE")

    @property
    def defined(self) -> tuple[Type, ...]:
        """Types of the slots that it defines."""
        types = (self.type, self.second) if self.defines else ()
        return tuple(item for item in types if item is not None)


@dataclass(frozen=True, kw_only=True)
class Language:
    """The grammar of programs with the kind of each production.

    Args:
        grammar: the built-in grammar `programs`.
        kinds: by production id.
    """

    grammar: Grammar
    kinds: tuple[Kind, ...]

    def named(self, name: str) -> Kind:
        """Return the kind of a name that just one production has."""
        return self._named[name]

    def id_of(self, name: str) -> int:
        """Return the id of the production of a kind that has just one."""
        return self._named[name].id

    def family_of(self, name: str) -> Family:
        """Return the family of a kind, one that productions share or not."""
        return self._families[name]

    def slot_id(self, lhs: str, slot: int) -> int:
        """Return the id of the production that stands for a slot."""
        return self._slots[lhs, slot]

    def constant_id(self, lhs: str, value: ConstantValue) -> int | None:
        """Return the id of the production of a constant, a digit or a character, if it has one."""
        return self._constants.get((lhs, value))

    @cached_property
    def _named(self) -> dict[str, Kind]:
        shared = (SLOT, CONSTANT, DIGIT, CHARACTER)
        return {kind.name: kind for kind in self.kinds if kind.name not in shared}

    @cached_property
    def _families(self) -> dict[str, Family]:
        return {kind.name: kind.family for kind in self.kinds}

    @cached_property
    def _slots(self) -> dict[tuple[str, int], int]:
        return {(kind.lhs, kind.slot): kind.id for kind in self.kinds if kind.slot is not None}

    @cached_property
    def _constants(self) -> dict[tuple[str, ConstantValue], int]:
        return {(kind.lhs, kind.value): kind.id for kind in self.kinds if kind.value is not None}


def said(value_type: Type) -> str:
    """Return a type as Python says it."""
    return ANNOTATIONS[value_type]


@lru_cache(maxsize=1)
def language() -> Language:
    """Return the language of programs, read once."""
    grammar = load_grammar("programs")
    kinds = tuple(_kind(index, item) for index, item in enumerate(grammar.productions))
    return Language(grammar=grammar, kinds=kinds)


def _kind(index: int, production: Production) -> Kind:
    lhs = production.lhs
    same: dict[str, Any] = {"id": index, "lhs": lhs, "children": production.nonterminals}
    if not production.rhs:
        return Kind(name=f"{lhs.lower()}_end", family="end", **same)
    label = production.rhs[0].text
    if slot := _SLOT_NAME.fullmatch(label):
        return Kind(name=SLOT, family="slot", type=TYPE_OF.get(lhs), slot=int(slot[1]), **same)
    if lhs in TYPE_OF and _WORD.fullmatch(label):
        family = _EXPRESSIONS.get(label, "operation")
        return Kind(name=label, family=family, type=TYPE_OF[lhs], **same)
    if _WORD.fullmatch(label):
        return Kind(name=label, **dict(zip(_FIELDS, _STATEMENTS[label], strict=False)), **same)
    family = _SPELLED.get(lhs, "constant")
    value = label if family == DIGIT else ast.literal_eval(label)
    return Kind(name=family, family=family, type=TYPE_OF.get(lhs), value=value, **same)


_SLOT_NAME = re.compile(r"v(\d+)")
_WORD = re.compile(r"[a-z]\w*")

_SPELLED: Mapping[str, Family] = {"NUMBER": "digit", "DIGITS": "digit", "CHARS": "character"}

_EXPRESSIONS: Mapping[str, Family] = {
    "number": "number",
    "decimal": "number",
    "text": "text",
    "repeat_str": "repeat",
    "repeat_list": "repeat",
    "repeat_texts": "repeat",
    **{f"if_{value_type}": "conditional" for value_type in TYPES},
    **dict.fromkeys(("list_of", "sum_of", "min_of", "max_of", "count_of"), "gather"),
    **dict.fromkeys(("any_of", "all_of", "join_of", "texts_of"), "gather"),
    **{f"{value_type}_of": "gather" for value_type in (*SETS, *MAPS)},
}
"""Families of expressions that are no plain operation."""

_PAIRS: Mapping[str, tuple[Type, Type, str]] = {
    "enumerate_list": ("int", "int", "enumerate"),
    "enumerate_str": ("int", "str", "enumerate"),
    "zip_list": ("int", "int", "zip"),
    "zip_str": ("str", "str", "zip"),
    "enumerate_texts": ("int", "str", "enumerate"),
    "zip_texts": ("str", "str", "zip"),
    **{f"items_{of_map}": (key, value, "items") for of_map, (key, value) in MAPS.items()},
}
"""What loops and comprehensions go over two by two -> types of both, and what makes the pairs."""

_ITEMS: Mapping[str, tuple[Any, ...]] = {
    "list": ("int",),
    "str": ("str",),
    "texts": ("str",),
    "words": ("str", None, "split"),
    "split": ("str", None, "split"),
}
"""What comprehensions go over one by one."""

_FLOAT_CHANGES = ("add", "sub", "mul", "div")

_STATEMENTS: Mapping[str, tuple[Any, ...]] = {
    **{
        f"{family}_{value_type}": (family, value_type)
        for family in ("program", "param", "last", "let", "set", "return")
        for value_type in TYPES
    },
    "iadd": ("augment", "int", "add"),
    "isub": ("augment", "int", "sub"),
    "imul": ("augment", "int", "mul"),
    "ifloordiv": ("augment", "int", "floordiv"),
    "imod": ("augment", "int", "mod"),
    "iadd_str": ("augment", "str", "concat_str"),
    "iadd_list": ("augment", "list", "concat_list"),
    "iadd_texts": ("augment", "texts", "concat_texts"),
    **{f"i{name}_float": ("augment", "float", f"{name}_float") for name in _FLOAT_CHANGES},
    "append": ("append", "list"),
    "store": ("store", "list"),
    **dict.fromkeys(("pop", "insert", "remove"), ("append", "list")),
    **dict.fromkeys(("append_text", "pop_text", "insert_text", "remove_text"), ("append", "texts")),
    **dict.fromkeys(("store_text", "swap_texts"), ("store", "texts")),
    "set_two": ("set", "int"),
    "swap": ("store", "list"),
    "if": ("if",),
    "if_else": ("if",),
    **dict.fromkeys(("for_range_1", "for_range_2", "for_range_3"), ("for", "int")),
    **dict.fromkeys(("for_slot", "for_list"), ("for", "int")),
    **dict.fromkeys(("for_str", "for_words", "for_slot_texts", "for_texts"), ("for", "str")),
    "while_lt": ("while", "int", "lt", "up"),
    "while_le": ("while", "int", "le", "up"),
    "while_gt": ("while", "int", "gt", "down"),
    "while_ge": ("while", "int", "ge", "down"),
    "shrink_gt": ("while", "int", "gt", "shrink"),
    "while_lt_and": ("while", "int", "lt", "up", "while_lt"),
    "while_le_and": ("while", "int", "le", "up", "while_le"),
    "while_gt_and": ("while", "int", "gt", "down", "while_gt"),
    "while_ge_and": ("while", "int", "ge", "down", "while_ge"),
    "shrink_gt_and": ("while", "int", "gt", "shrink", "shrink_gt"),
    "step_add": ("step", "int", "add", "up"),
    "step_sub": ("step", "int", "sub", "down"),
    "step_floordiv": ("step", "int", "floordiv", "shrink"),
    "step_mod": ("step", "int", "mod", "shrink"),
    "end": ("end",),
    "break": ("leave",),
    "continue": ("leave",),
    **{f"for_{over}": ("for", one, None, None, None, *two) for over, (one, *two) in _PAIRS.items()},
    **{
        f"{value_type}_over_{over}": ("each", one, None, None, None, *two)
        for value_type in TYPES
        for over, (one, *two) in {**_ITEMS, **_PAIRS}.items()
    },
    "for_split": ("for", "str", None, None, None, None, "split"),
    "where": ("where",),
    "more": ("more",),
    "more_texts": ("more",),
    **{
        f"{change}_{of_set}": ("append", of_set)
        for change in ("add", "discard", "remove")
        for of_set in SETS
    },
    # A key may be a new one, so that a store changes a dictionary that a loop goes over.
    **{f"store_{of_map}": ("append", of_map) for of_map in MAPS},
    **{f"more_{of_map}": ("more",) for of_map in MAPS},
}
"""What stands for no value -> family, type and so on, see _FIELDS."""

_FIELDS = ("family", "type", "operation", "direction", "unconditional", "second", "maker")
