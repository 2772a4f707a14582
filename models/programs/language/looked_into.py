"""Names of tuples that are only looked into: they stand for their values.

    vowels = ("a", "e")
    if c in vowels: ...

is read as `if c in ("a", "e")`; tuples are no values of the language.
"""

import ast
from collections.abc import Sequence
from typing import Any


def without_names(statements: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Return the statements of a block with such names replaced by their values."""
    kept: list[ast.stmt] = []
    rest = list(statements)
    while rest:
        first = rest.pop(0)
        match first:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Tuple() as values) if (
                _is_constant(values) and _only_looked_into(name, rest)
            ):
                rest = [_Replaced(name, values).visit(statement) for statement in rest]
            case _:
                kept.append(first)
    return kept


def _is_constant(values: ast.Tuple) -> bool:
    return bool(values.elts) and all(isinstance(item, ast.Constant) for item in values.elts)


def _only_looked_into(name: str, statements: Sequence[ast.stmt]) -> bool:
    """Tell whether a name stands behind `in` and `not in` only, in what follows it."""
    nodes = [node for statement in statements for node in ast.walk(statement)]
    looked = [node for node in nodes if _looks_into(node, name)]
    mentions = [node for node in nodes if isinstance(node, ast.Name) and node.id == name]
    return 0 < len(looked) == len(mentions)


def _looks_into(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[ast.Name(id=found)]):
            return found == name
        case _:
            return False


class _Replaced(ast.NodeTransformer):
    """Copies a statement with a tuple in the place of its name."""

    def __init__(self, name: str, values: ast.expr) -> None:
        self._name = name
        self._values = values

    def visit(self, node: ast.AST) -> Any:
        """Return a copy; the tree that was read stays as it is."""
        if _looks_into(node, self._name) and isinstance(node, ast.Compare):
            made = ast.Compare(left=self.visit(node.left), ops=node.ops, comparators=[self._values])
            return ast.copy_location(made, node)
        fields = {
            name: [self.visit(item) if isinstance(item, ast.AST) else item for item in value]
            if isinstance(value, list)
            else self.visit(value)
            if isinstance(value, ast.AST)
            else value
            for name, value in ast.iter_fields(node)
        }
        return ast.copy_location(type(node)(**fields), node)
