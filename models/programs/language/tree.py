"""Derivations as trees of nodes, for printing and for running programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.errors import UserError
from models.programs.language.kinds import (
    CONSTANT,
    MAPS,
    NONTERMINAL_OF,
    SLOT,
    ConstantValue,
    Family,
    Kind,
    Language,
    Type,
    language,
)

ITEMS: Mapping[str, tuple[str, ...]] = {
    "ITEMS": ("INT",),
    "TEXT_ITEMS": ("STR",),
    **{
        f"{NONTERMINAL_OF[of_map]}_PAIRS": (NONTERMINAL_OF[key], NONTERMINAL_OF[value])
        for of_map, (key, value) in MAPS.items()
    },
}
"""What follows the first items of a long list, a set or a dictionary -> nonterminals of an item."""

MORE: Mapping[str, str] = {
    "ITEMS": "more",
    "TEXT_ITEMS": "more_texts",
    **{f"{NONTERMINAL_OF[of_map]}_PAIRS": f"more_{of_map}" for of_map in MAPS},
}
"""The kind that adds an item."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A node of a program: an expression, a statement, a parameter or the program itself.

    Args:
        kind: its kind's name. A number or a text spelled out is a "constant" like any other, and
            a last parameter is a "param_..." like any other.
        slot: the slot that it reads ("slot"), defines (parameters, `let_...`, `for_...`,
            `..._over_...`; of two the first one) or changes (`set_...`, `append`, `while_...` and
            its step, ...).
        value: of a "constant".
        args: the expressions in it, or the parameters of a program.
        blocks: the statements of its bodies.
    """

    kind: str
    slot: int | None = None
    value: ConstantValue | None = None
    args: tuple["Node", ...] = ()
    blocks: tuple[tuple["Node", ...], ...] = ()

    @property
    def family(self) -> Family:
        """What it is, whatever its type or operation."""
        return language().family_of(self.kind)

    @property
    def type(self) -> Type:
        """Type of what a program returns, or of the slot of a parameter or a statement."""
        return _type_of(language().named(self.kind))


def to_tree(ids: Sequence[int]) -> Node:
    """Return the program that a complete derivation stands for; pad ids at its end are allowed.

    Only the grammar is checked here: `reference.check_program` checks scopes and types.

    Raises:
        UserError: the derivation is illegal or incomplete, or too deeply nested.
    """
    reader = _Reader([int(production_id) for production_id in ids], language())
    try:
        node = reader.program()
    except RecursionError:
        raise UserError("the program is nested too deeply: use intermediate variables") from None
    reader.expect_end()
    return node


def parameter_types(ids: Sequence[int]) -> tuple[Type, ...]:
    """Return the types of the parameters of a derivation."""
    kinds = language().kinds
    types: list[Type] = []
    for production_id in ids[1:]:
        types.append(_type_of(kinds[production_id]))
        if kinds[production_id].family == "last":
            break
    return tuple(types)


def return_type(ids: Sequence[int]) -> Type:
    """Return the type of what the program of a derivation returns."""
    return _type_of(language().kinds[ids[0]])


def _type_of(kind: Kind) -> Type:
    assert kind.type is not None  # of a signature, or of a statement with a slot
    return kind.type


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{text!r} is spelled where a float is due: write 0.25") from None


class _Reader:
    """Reads a derivation from left to right and hands out slots in order of definition."""

    def __init__(self, ids: list[int], of: Language) -> None:
        self._ids = ids
        self._language = of
        self._step = 0
        self._num_slots = 0

    def program(self) -> Node:
        kind = self._next("PROGRAM")
        params: list[Node] = []
        follows = True
        while follows:
            parameter = self._next("PARAM")
            params.append(Node(kind=f"param_{parameter.type}", slot=self._define(parameter)))
            follows = parameter.family == "param"
        return Node(kind=kind.name, args=tuple(params), blocks=(self._block(None),))

    def expect_end(self) -> None:
        """Check that nothing but padding follows."""
        rest = self._ids[self._step :]
        if any(production_id != -1 for production_id in rest):
            raise UserError(
                f"step {self._step}: the derivation is complete here, but more ids follow: "
                "pad with -1"
            )

    def _next(self, nonterminal: str) -> Kind:
        kinds = self._language.kinds
        production_id = self._ids[self._step] if self._step < len(self._ids) else -1
        if not 0 <= production_id < len(kinds):
            raise UserError(
                f"step {self._step}: {nonterminal} is open, but {production_id} is "
                f"no production id: they are 0 to {len(kinds) - 1}"
            )
        kind = kinds[production_id]
        if kind.lhs != nonterminal:
            raise UserError(
                f"step {self._step}: production {production_id} ({kind.name}) expands "
                f"{kind.lhs}, but {nonterminal} is open"
            )
        self._step += 1
        return kind

    def _define(self, kind: Kind) -> int | None:
        """Return the slot that a kind defines, or the first of two."""
        first = self._num_slots
        self._num_slots += len(kind.defined)
        return first if kind.defines else None

    def _block(self, counter: int | None) -> tuple[Node, ...]:
        """Read statements up to what ends their block; `counter` is what a step changes."""
        statements: list[Node] = []
        while True:
            kind = self._next("BLOCK")
            if kind.ends:
                return tuple(statements)
            statements.append(self._statement(kind, counter))
            if kind.children[-1:] != ("BLOCK",):
                return tuple(statements)

    def _statement(self, kind: Kind, counter: int | None) -> Node:
        slot = counter if kind.family == "step" else self._define(kind)
        args: list[Node] = []
        for nonterminal in kind.children:
            if nonterminal == "SLOT" and kind.defines:  # the list that for_slot walks over
                args.append(Node(kind=SLOT, slot=self._next("SLOT").slot))
            elif nonterminal == "SLOT" and slot is None:
                slot = self._next("SLOT").slot
            elif nonterminal == "SLOT":  # the second one of two that are set at once
                args.append(Node(kind=SLOT, slot=self._next("SLOT").slot))
            elif nonterminal != "BLOCK":
                args.append(self._expression(nonterminal))
        num_blocks = max(0, kind.children.count("BLOCK") - 1)  # the last one goes on behind it
        inner = slot if kind.family == "while" else None
        blocks = tuple(self._block(inner) for _ in range(num_blocks))
        return Node(kind=kind.name, slot=slot, args=tuple(args), blocks=blocks)

    def _expression(self, nonterminal: str) -> Node:
        kind = self._next(nonterminal)
        if kind.slot is not None:
            return Node(kind=SLOT, slot=kind.slot)
        if kind.value is not None:
            return Node(kind=CONSTANT, value=kind.value)
        if kind.family == "number":
            is_int = kind.name == "number"
            value = int(self._spelled("NUMBER")) if is_int else _float(self._spelled("DIGITS"))
            return Node(kind=CONSTANT, value=value)
        if kind.name == "text":
            return Node(kind=CONSTANT, value=self._spelled("CHARS"))
        if kind.family == "each":
            return self._comprehension(kind)
        args = [self._expression(name) for name in kind.children if name not in ITEMS]
        if kind.children[-1:] and kind.children[-1] in ITEMS:
            items = kind.children[-1]
            while not self._next(items).ends:
                args += [self._expression(name) for name in ITEMS[items]]
        return Node(kind=kind.name, args=tuple(args))

    def _comprehension(self, kind: Kind) -> Node:
        """Read what a comprehension goes over, its condition if it has one, and its value."""
        slot = self._define(kind)
        spot = kind.children.index("WHERE")
        args = [self._expression(name) for name in kind.children[:spot]]
        where = self._next("WHERE")
        if not where.ends:
            args.append(Node(kind=where.name, args=(self._expression("BOOL"),)))
        values = [self._expression(name) for name in kind.children[spot + 1 :]]
        return Node(kind=kind.name, slot=slot, args=(*args, *values))

    def _spelled(self, nonterminal: str) -> str:
        letters: list[str] = []
        kind = self._next(nonterminal)
        while not kind.ends:
            letters.append(str(kind.value))
            kind = self._next(kind.children[0])
        return "".join(letters)
