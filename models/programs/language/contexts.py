"""What the places of a program demand of what stands there, beyond the grammar.

A context is a nonterminal in a certain place: `BODY`, `NEXT` and `UP` are all blocks, but a
function's body must return, a started block may just end, and the body of a counting loop must
step its counter. Contexts are the nonterminals of a finer grammar with the same production ids.
The types and scopes of slots are not in it: see `scopes.py`.

Spelled numbers and texts have a context for each beginning of a constant, so that nothing that
has a production of its own is spelled out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from models.grammar.completion import minimum_steps
from models.grammar.symbols import Production, Symbol
from models.programs.language.context_children import children_of
from models.programs.language.decimals import spellings
from models.programs.language.hashed_contexts import HashedPlace, hashed_places
from models.programs.language.kinds import (
    CONSTANT,
    SLOT,
    ConstantValue,
    Direction,
    Kind,
    Language,
    Type,
    language,
)

MAX_DIGITS = 18
"""Digits of a number at most: it fits into 64 bits."""

Allows = Callable[[Kind], bool]


@dataclass(frozen=True, kw_only=True)
class Context:
    """A nonterminal in a certain kind of place.

    Args:
        name: unique.
        nonterminal: of the grammar.
        children: production id -> contexts of its right-hand side, for what may stand here.
        slot_type: type of the slots that may stand here.
        changes: whether that slot is changed here, so that it must not be frozen.
        freezes: whether a slot that stands here must not change in the body that follows.
        like: of a context that came later, the one that stood in its places before.
    """

    name: str
    nonterminal: str
    children: Mapping[int, tuple[str, ...]]
    slot_type: Type | None = None
    changes: bool = False
    freezes: bool = False
    like: str = ""


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """How a context differs from its nonterminal."""

    name: str
    nonterminal: str
    allows: Allows
    slot_type: Type | None = None
    changes: bool = False
    freezes: bool = False
    like: str = ""


@lru_cache(maxsize=1)
def contexts() -> tuple[Context, ...]:
    """Return every context; the first one is where a program starts."""
    of = language()
    fixed = map(_context, [*_BLOCK_RULES, *_SLOT_RULES, *_EXPRESSION_RULES])
    # Weights hold a row for each, so that later ones stand last.
    later, last = map(_context, _LATER_RULES), map(_context, map(_hashed_rule, hashed_places()))
    spelled = (*_number_contexts(of), *_text_contexts(of))
    return (*fixed, *spelled, *later, *_decimal_contexts(of), *last)


def _context(rule: _Rule) -> Context:
    return Context(
        name=rule.name,
        nonterminal=rule.nonterminal,
        children={
            kind.id: children_of(rule.name, kind)
            for kind in language().kinds
            if kind.lhs == rule.nonterminal and rule.allows(kind)
        },
        slot_type=rule.slot_type,
        changes=rule.changes,
        freezes=rule.freezes,
        like=rule.like,
    )


@lru_cache(maxsize=1)
def context_steps() -> Mapping[str, int]:
    """Return the fewest steps that complete each context.

    They hold in every scope: what completes fastest (a constant, a return, a step) needs no slot,
    and slots do not count where something else may stand.
    Leaving a loop is faster still and left out, so that whoever never learned it can return.
    """
    kinds = language().kinds
    productions = [
        Production(
            lhs=context.name,
            rhs=tuple(Symbol(text=name, is_terminal=False) for name in children),
        )
        for context in contexts()
        for index, children in context.children.items()
        if kinds[index].family != "leave"
        if kinds[index].name != SLOT or context.name in _SLOTS_ONLY or context.nonterminal == "SLOT"
    ]
    return minimum_steps(productions)


def _any(_: Kind) -> bool:
    return True


def _block(
    *,
    ends: bool = False,
    returns: bool = False,
    steps: Direction | None = None,
    leaves: tuple[str, ...] = (),
) -> Allows:
    """Allow every statement that a block goes on after, and these ways to close the block."""

    def allows(kind: Kind) -> bool:
        match kind.family:
            case "end":
                return ends
            case "return":
                return returns
            case "step":
                return kind.direction == steps
            case "leave":
                return kind.name in leaves
            case _:
                return True

    return allows


def _number(at_least: int) -> Allows:
    """Allow literal numbers from `at_least` (0 or more) on."""

    def allows(kind: Kind) -> bool:
        return kind.family == "number" or _is_int_from(kind.value, at_least)

    return allows


def _is_int_from(value: ConstantValue | None, at_least: int) -> bool:
    return isinstance(value, int) and value >= at_least


def _bound(kind: Kind) -> bool:
    return kind.name in (SLOT, CONSTANT, "number", "len_list", "len_str", "len_texts")


def is_never_negative(kind: Kind) -> bool:
    """Tell whether an expression of a kind, a number, is known not to be below 0."""
    is_constant = isinstance(kind.value, int | float) and kind.value >= 0
    return is_constant or kind.name in NOT_NEGATIVE


def _is_slot(kind: Kind) -> bool:
    return kind.name == SLOT


def _texts(*left_out: str) -> Allows:
    """Allow texts that Python tells from a list of numbers, but for some kinds."""
    return lambda kind: kind.name not in ("empty_texts", *left_out)


_BLOCK_RULES = (
    _Rule(name="PROGRAM", nonterminal="PROGRAM", allows=_any),
    _Rule(name="PARAM", nonterminal="PARAM", allows=_any),
    # The function's body, or what is left of it.
    _Rule(name="BODY", nonterminal="BLOCK", allows=_block(returns=True)),
    # The start of a nested block, which must not be empty, and what is left of one.
    _Rule(name="FIRST", nonterminal="BLOCK", allows=_block(returns=True)),
    _Rule(name="NEXT", nonterminal="BLOCK", allows=_block(ends=True, returns=True)),
    # Bodies of while, by how their counter goes; they end with a step.
    _Rule(name="UP", nonterminal="BLOCK", allows=_block(steps="up")),
    _Rule(name="DOWN", nonterminal="BLOCK", allows=_block(steps="down")),
    _Rule(name="SHRINK", nonterminal="BLOCK", allows=_block(steps="shrink")),
)

_SLOT_RULES = (
    _Rule(name="SET_INT", nonterminal="SLOT", allows=_any, slot_type="int", changes=True),
    _Rule(name="SET_BOOL", nonterminal="SLOT", allows=_any, slot_type="bool", changes=True),
    _Rule(name="SET_STR", nonterminal="SLOT", allows=_any, slot_type="str", changes=True),
    _Rule(name="SET_LIST", nonterminal="SLOT", allows=_any, slot_type="list", changes=True),
    # Storing an item keeps the length, so that a frozen list will do.
    _Rule(name="STORE", nonterminal="SLOT", allows=_any, slot_type="list"),
    _Rule(name="WALK", nonterminal="SLOT", allows=_any, slot_type="list", freezes=True),
    _Rule(
        name="COUNTER",
        nonterminal="SLOT",
        allows=_any,
        slot_type="int",
        changes=True,
        freezes=True,
    ),
)

_EXPRESSION_RULES = (
    _Rule(name="INT", nonterminal="INT", allows=_any, slot_type="int"),
    _Rule(name="BOOL", nonterminal="BOOL", allows=_any, slot_type="bool"),
    _Rule(name="STR", nonterminal="STR", allows=_any, slot_type="str"),
    _Rule(name="LIST", nonterminal="LIST", allows=_any, slot_type="list"),
    _Rule(name="ITEMS", nonterminal="ITEMS", allows=_any),
    # No second name for a list: what is bound to a slot is a new list.
    _Rule(name="FRESH", nonterminal="LIST", allows=lambda kind: kind.name != SLOT),
    # -1 is a constant, so it is not spelled as the negative of 1.
    _Rule(name="NEGATED", nonterminal="INT", allows=lambda k: k.value != 1, slot_type="int"),
    _Rule(name="NATURAL", nonterminal="INT", allows=_number(0)),
    _Rule(name="POSITIVE", nonterminal="INT", allows=_number(1)),
    _Rule(name="DIVISOR", nonterminal="INT", allows=_number(2)),
    _Rule(name="BOUND", nonterminal="INT", allows=_bound, slot_type="int", freezes=True),
    _Rule(name="BOUND_LIST", nonterminal="LIST", allows=_is_slot, slot_type="list", freezes=True),
    _Rule(name="BOUND_STR", nonterminal="STR", allows=_is_slot, slot_type="str", freezes=True),
)

_OF_FOR, _OF_WHILE = ("break", "continue"), ("break",)
"""Ways to leave a round of a loop; after `continue` a while would not step."""

SPLITS = ("split", "split_by")
"""Kinds of which the length, an item or a loop over them have kinds of their own."""

NOT_NEGATIVE = ("abs", "abs_float", "number", "decimal", "len_list", "len_str", "len_texts")
"""Kinds whose values are never below 0, beside some constants: no power of them is complex."""

NOT_JOINED = ("sorted_str", "texts_of")
"""Kinds for which joining them has a kind of its own."""

_SLOTS_ONLY = ("BOUND_LIST", "BOUND_STR", "BOUND_TEXTS")
"""Expressions that are a slot; elsewhere no slot is counted on."""

_LATER_RULES = (
    # Nested blocks inside of loops.
    _Rule(
        name="FOR_FIRST",
        nonterminal="BLOCK",
        allows=_block(returns=True, leaves=_OF_FOR),
        like="FIRST",
    ),
    _Rule(
        name="FOR_NEXT",
        nonterminal="BLOCK",
        allows=_block(ends=True, returns=True, leaves=_OF_FOR),
        like="NEXT",
    ),
    _Rule(
        name="WHILE_FIRST",
        nonterminal="BLOCK",
        allows=_block(returns=True, leaves=_OF_WHILE),
        like="FIRST",
    ),
    _Rule(
        name="WHILE_NEXT",
        nonterminal="BLOCK",
        allows=_block(ends=True, returns=True, leaves=_OF_WHILE),
        like="NEXT",
    ),
    # What a loop goes over two by two; where it has a name, it must not change in the body.
    _Rule(name="OVER", nonterminal="LIST", allows=_any, slot_type="list", freezes=True),
    _Rule(name="GEN_INT", nonterminal="GEN_INT", allows=_any),
    _Rule(name="GEN_BOOL", nonterminal="GEN_BOOL", allows=_any),
    _Rule(name="GEN_STR", nonterminal="GEN_STR", allows=_any),
    _Rule(name="WHERE", nonterminal="WHERE", allows=_any),
    _Rule(name="SET_TEXTS", nonterminal="SLOT", allows=_any, slot_type="texts", changes=True),
    _Rule(name="STORE_TEXTS", nonterminal="SLOT", allows=_any, slot_type="texts"),
    _Rule(name="WALK_TEXTS", nonterminal="SLOT", allows=_any, slot_type="texts", freezes=True),
    _Rule(
        name="BOUND_TEXTS", nonterminal="TEXTS", allows=_is_slot, slot_type="texts", freezes=True
    ),
    _Rule(name="OVER_TEXTS", nonterminal="TEXTS", allows=_texts(), slot_type="texts", freezes=True),
    _Rule(name="TEXTS", nonterminal="TEXTS", allows=_texts(), slot_type="texts"),
    # `[]` may be of any type: it stands where a type is said, by a slot, an annotation or a return.
    _Rule(name="RETURNED", nonterminal="TEXTS", allows=_any, slot_type="texts"),
    _Rule(name="STARTED", nonterminal="TEXTS", allows=lambda kind: kind.name != SLOT),
    # What may follow here is a loop of its own, an operation of its own, ...
    _Rule(name="UNSPLIT", nonterminal="TEXTS", allows=_texts(*SPLITS), slot_type="texts"),
    _Rule(
        name="JOINED",
        nonterminal="TEXTS",
        allows=_texts(*NOT_JOINED),
        slot_type="texts",
    ),
    # ... and here, too; and no named texts, nor what may be some.
    _Rule(name="FRESH_TEXTS", nonterminal="TEXTS", allows=_texts(*SPLITS, SLOT)),
    _Rule(name="FRESH_PART", nonterminal="TEXTS", allows=_texts(SLOT)),
    _Rule(name="TEXT_ITEMS", nonterminal="TEXT_ITEMS", allows=_any),
    _Rule(name="SET_FLOAT", nonterminal="SLOT", allows=_any, slot_type="float", changes=True),
    _Rule(name="FLOAT", nonterminal="FLOAT", allows=_any, slot_type="float"),
    # What is raised to a power that may be a fraction.
    _Rule(name="ROOTED", nonterminal="FLOAT", allows=is_never_negative),
    _Rule(name="ROOTED_INT", nonterminal="INT", allows=is_never_negative),
)


def _hashed_rule(place: HashedPlace) -> _Rule:
    return _Rule(
        name=place.name,
        nonterminal=place.nonterminal,
        allows=lambda kind: kind.name not in place.left_out,
        slot_type=place.of,
        changes=place.changes,
        freezes=place.freezes,
    )


def _number_contexts(of: Language) -> list[Context]:
    """Build `NUMBER` and what follows its digits, so that no constant is spelled out."""
    constants = {str(kind.value) for kind in of.kinds if (kind.lhs, kind.name) == ("INT", CONSTANT)}
    starts = {text[:size] for text in constants for size in range(1, len(text) + 1)}

    def after(digits: str) -> str:
        return f"DIGITS:{digits}" if digits in starts else f"DIGITS/{len(digits)}"

    def context(name: str, digits: str, may_end: bool) -> Context:
        nonterminal = "DIGITS" if digits else "NUMBER"
        more = {
            kind.id: (after(digits + str(kind.value)),)
            for kind in of.kinds
            if kind.lhs == nonterminal and str(kind.value).isdecimal() and len(digits) < MAX_DIGITS
        }
        end = {of.id_of("digits_end"): ()} if may_end else {}
        return Context(name=name, nonterminal=nonterminal, children={**more, **end})

    # The constant -1 is no beginning of digits, and no number begins with 0.
    spelled = sorted(start for start in starts if start.isdecimal() and start != "0")
    return [
        context("NUMBER", "", may_end=False),
        *(context(after(start), start, start not in constants) for start in spelled),
        # Behind what begins no constant only the number of digits counts.
        *(context(f"DIGITS/{n}", "?" * n, may_end=True) for n in range(2, MAX_DIGITS + 1)),
    ]


def _text_contexts(of: Language) -> list[Context]:
    """Build the contexts of spelled texts, so that no constant is spelled out."""
    constants = {str(kind.value) for kind in of.kinds if (kind.lhs, kind.name) == ("STR", CONSTANT)}
    starts = sorted({text[:size] for text in constants for size in range(len(text) + 1)})
    end = of.id_of("chars_end")
    characters = {kind.id: str(kind.value) for kind in of.kinds if kind.lhs == "CHARS"}
    del characters[end]

    def context(name: str, start: str | None) -> Context:
        def after(character: str) -> str:
            known = start is not None and start + character in starts
            return f"CHARS:{start}{character}" if known else "CHARS"

        more = {index: (after(character),) for index, character in characters.items()}
        closes = {} if start in constants else {end: ()}
        return Context(name=name, nonterminal="CHARS", children={**more, **closes})

    return [*(context(f"CHARS:{start}", start) for start in starts), context("CHARS", None)]


def _decimal_contexts(of: Language) -> list[Context]:
    """Build the contexts of spelled floats, so that no constant is spelled out."""
    constants = frozenset(
        repr(kind.value) for kind in of.kinds if (kind.lhs, kind.name) == ("FLOAT", CONSTANT)
    )
    ids = {str(kind.value): kind.id for kind in of.kinds if kind.lhs == "DIGITS" and not kind.ends}
    ids[""] = of.id_of("digits_end")
    return [
        Context(
            name=f"DECIMAL:{begun}",
            nonterminal="DIGITS",
            children={ids[x]: (f"DECIMAL:{after}",) if x else () for x, after in follows.items()},
        )
        for begun, follows in spellings(constants).items()
    ]
