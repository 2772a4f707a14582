"""Trees to derivations: the inverse of `language.tree.to_tree`, with slots numbered anew."""

from collections.abc import Sequence

from models.programs.language.decimals import spelled
from models.programs.language.kinds import CONSTANT, SLOT, Kind, Language, language
from models.programs.language.tree import ITEMS, MORE, Node


def tree_to_ids(tree: Node) -> tuple[int, ...]:
    """Return the derivation of a program.

    Slots get their numbers in the order of their definition in the text, whatever their numbers
    in the tree. Number and text constants that have no production are spelled.
    """
    return tuple(_Emitter(language()).program(tree))


def count_nodes(ids: Sequence[int]) -> int:
    """Return the number of nodes of a program's graph: of productions that make one."""
    kinds = language().kinds
    return sum(kinds[production_id].makes_node for production_id in ids)


class _Emitter:
    """Writes production ids from left to right."""

    def __init__(self, of: Language) -> None:
        self._of = of
        self._ids: list[int] = []
        self._slots: dict[int | None, int] = {}

    def program(self, tree: Node) -> list[int]:
        self._kind(tree.kind)
        for number, parameter in enumerate(tree.args, start=1):
            self._kind(f"{'last' if number == len(tree.args) else 'param'}_{parameter.type}")
            self._define(parameter.slot, 1)
        self._block(tree.blocks[0])
        return self._ids

    def _kind(self, name: str) -> Kind:
        production_id = self._of.id_of(name)
        self._ids.append(production_id)
        return self._of.kinds[production_id]

    def _define(self, slot: int | None, count: int) -> None:
        assert slot is not None  # of what defines one
        for each in range(slot, slot + count):
            self._slots[each] = len(self._slots)

    def _block(self, statements: tuple[Node, ...]) -> None:
        kind = None
        for statement in statements:
            kind = self._statement(statement)
        if kind is not None and kind.children[-1:] == ("BLOCK",):
            self._kind("end")

    def _statement(self, node: Node) -> Kind:
        kind = self._kind(node.kind)
        if kind.defines:
            self._define(node.slot, len(kind.defined))
        args = iter(node.args)
        for place, nonterminal in enumerate(kind.children):
            if nonterminal == "SLOT":
                # A loop names what it walks over; the second of two slots that are set at once.
                slot = next(args).slot if kind.defines or place else node.slot
                self._ids.append(self._of.slot_id("SLOT", self._slots[slot]))
            elif nonterminal != "BLOCK":
                self._expression(next(args), nonterminal)
        for block in node.blocks:
            self._block(block)
        return kind

    def _expression(self, node: Node, nonterminal: str) -> None:
        if node.kind == SLOT:
            self._ids.append(self._of.slot_id(nonterminal, self._slots[node.slot]))
            return
        if node.kind == CONSTANT:
            self._constant(node, nonterminal)
            return
        kind = self._kind(node.kind)
        if kind.family == "each":
            self._comprehension(node, kind)
            return
        items = kind.children[-1] if kind.children else ""
        if items not in ITEMS:
            for item, child in zip(node.args, kind.children, strict=True):
                self._expression(item, child)
            return
        first, names = len(kind.children) - 1, ITEMS[items]
        for number, item in enumerate(node.args):
            place = number % len(names)
            if number >= first and place == 0:  # the first ones stand in the production itself
                self._kind(MORE[items])
            self._expression(item, names[place])
        self._kind(f"{items.lower()}_end")

    def _comprehension(self, node: Node, kind: Kind) -> None:
        self._define(node.slot, len(kind.defined))
        spot, end = kind.children.index("WHERE"), len(node.args) - kind.num_values
        for item, child in zip(node.args[:spot], kind.children, strict=False):
            self._expression(item, child)
        if node.args[end - 1].kind == "where":
            self._expression(node.args[end - 1], "WHERE")
        else:
            self._kind("where_end")
        for item, child in zip(node.args[end:], kind.children[spot + 1 :], strict=True):
            self._expression(item, child)

    def _constant(self, node: Node, nonterminal: str) -> None:
        value = node.value
        assert value is not None  # of a constant
        known = self._of.constant_id(nonterminal, value)
        if known is not None:
            self._ids.append(known)
        elif isinstance(value, str):
            self._kind("text")
            self._spell(value, ["CHARS"] * len(value), "chars_end")
        elif isinstance(value, float):
            self._kind("decimal")
            text = spelled(value)
            assert text is not None  # random programs hold short ones
            self._spell(text, ["DIGITS"] * len(text), "digits_end")
        else:
            self._kind("number")
            digits = str(value)
            self._spell(digits, ["NUMBER", *["DIGITS"] * (len(digits) - 1)], "digits_end")

    def _spell(self, letters: str, nonterminals: list[str], end: str) -> None:
        for letter, nonterminal in zip(letters, nonterminals, strict=True):
            production_id = self._of.constant_id(nonterminal, letter)
            assert production_id is not None  # negative numbers and odd letters have none
            self._ids.append(production_id)
        self._kind(end)
