"""Derivations to Python source."""

import ast
from collections.abc import Sequence

from models.errors import UserError
from models.programs.language.kinds import CONSTANT, NUM_SLOTS, SLOT
from models.programs.language.templates import (
    HOLES,
    instantiate,
    parsed_expression,
    parsed_statement,
)
from models.programs.language.tree import Node, return_type, to_tree


def ids_to_source(
    ids: Sequence[int], names: Sequence[str] | None = None, name: str = "program"
) -> str:
    """Return the Python function that a derivation stands for.

    Args:
        ids: a complete derivation; pad ids at its end are allowed.
        names: of the variables, by slot; v0, v1, ... by default.
        name: of the function.

    Raises:
        UserError: the derivation is illegal or incomplete, or has more slots than names.
    """
    tree = to_tree(ids)
    given = tuple(names) if names else tuple(f"v{slot}" for slot in range(NUM_SLOTS))
    writer = _Writer(given)
    types = [f"{writer.name(item.slot)}: {item.type}" for item in tree.args]
    head = f"def {name}({', '.join(types)}) -> {return_type(ids)}: ..."
    function = ast.parse(head).body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body = writer.block(tree.blocks[0])
    return ast.unparse(function) + "\n"


class _Writer:
    """Turns nodes into Python syntax under given names."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def name(self, slot: int | None) -> str:
        """Return the name of a slot."""
        if slot is None or slot >= len(self._names):
            raise UserError(
                f"the program has a slot {slot}, but {len(self._names)} names were given: "
                "give one for each slot"
            )
        return self._names[slot]

    def block(self, statements: tuple[Node, ...]) -> list[ast.stmt]:
        return [self._statement(node) for node in statements]

    def _statement(self, node: Node) -> ast.stmt:
        args = map(self._expression, node.args)
        holes: dict[str, ast.expr] = dict(zip(HOLES, args, strict=False))
        if node.slot is not None:
            holes["s"] = ast.Name(id=self.name(node.slot))
        bodies = map(self.block, node.blocks)
        statement = instantiate(parsed_statement(node.kind), holes, bodies)
        statement.lineno = 0  # `ast.unparse` asks some statements for it
        return statement

    def _expression(self, node: Node) -> ast.expr:
        if node.kind == SLOT:
            return ast.Name(id=self.name(node.slot))
        if node.kind == CONSTANT:
            return _constant(node)
        args = [self._expression(item) for item in node.args]
        if node.kind == "list_n":
            return ast.List(elts=args)
        holes = dict(zip(HOLES, args, strict=False))
        return instantiate(parsed_expression(node.kind), holes, iter(()))


def _constant(node: Node) -> ast.expr:
    if node.value == -1:  # the trees of Python hold no negative constants
        return ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1))
    return ast.Constant(value=node.value)
