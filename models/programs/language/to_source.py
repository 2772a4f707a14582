"""Derivations to Python source."""

import ast
from collections.abc import Sequence

from models.errors import UserError
from models.programs.language.filling import HOLES, instantiate
from models.programs.language.kinds import ANNOTATIONS, CONSTANT, NUM_SLOTS, SLOT, language
from models.programs.language.templates import (
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
    types = [f"{writer.name(item.slot)}: {ANNOTATIONS[item.type]}" for item in tree.args]
    head = f"def {name}({', '.join(types)}) -> {ANNOTATIONS[return_type(ids)]}: ..."
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
        over_range = language().named(node.kind).maker is not None
        args = map(self._over if over_range else self._expression, node.args)
        holes: dict[str, ast.expr] = dict(zip(HOLES, args, strict=False))
        if node.slot is not None:
            holes["s"] = ast.Name(id=self.name(node.slot))
            if language().named(node.kind).second:
                holes["t"] = ast.Name(id=self.name(node.slot + 1))
        bodies = map(self.block, node.blocks)
        statement = instantiate(parsed_statement(node.kind), holes, bodies)
        statement.lineno = 0  # `ast.unparse` asks some statements for it
        if node.kind == "let_texts" and node.args[0].kind in ("empty_texts", "if_texts"):
            return _annotated(holes["s"], ANNOTATIONS["texts"], holes["a"])
        return statement

    def _expression(self, node: Node) -> ast.expr:
        if node.kind == SLOT:
            return ast.Name(id=self.name(node.slot))
        if node.kind == CONSTANT:
            return _constant(node)
        if node.family == "each":
            return self._comprehension(node)
        args = [self._expression(item) for item in node.args]
        if node.kind in ("list_n", "texts_n"):
            return ast.List(elts=args)
        if node.kind in ("list_of", "texts_of"):
            (values,) = args
            assert isinstance(values, ast.GeneratorExp)
            return ast.ListComp(elt=values.elt, generators=values.generators)
        holes = dict(zip(HOLES, args, strict=False))
        return instantiate(parsed_expression(node.kind), holes, iter(()))

    def _over(self, node: Node) -> ast.expr:
        """Return what a loop or a comprehension goes over; a range need not be a list for that."""
        if node.kind in ("range_1", "range_2", "range_3"):
            as_list = self._expression(node)
            assert isinstance(as_list, ast.Call)
            return as_list.args[0]
        return self._expression(node)

    def _comprehension(self, node: Node) -> ast.GeneratorExp:
        kind = language().named(node.kind)
        assert node.slot is not None  # the first that it defines
        *over, value = node.args
        tests = [self._expression(over.pop().args[0])] if over[-1].kind == "where" else []
        names: list[ast.expr] = [
            ast.Name(id=self.name(node.slot + number)) for number in range(len(kind.defined))
        ]
        items = [self._over(item) for item in over]
        if kind.maker == "split":
            items = [
                ast.Call(
                    func=ast.Attribute(value=items[0], attr="split"), args=items[1:], keywords=[]
                )
            ]
        elif kind.maker is not None:
            items = [ast.Call(func=ast.Name(id=kind.maker), args=items, keywords=[])]
        target = names[0] if len(names) == 1 else ast.Tuple(elts=names)
        each = ast.comprehension(target=target, iter=items[0], ifs=tests, is_async=0)
        return ast.GeneratorExp(elt=self._expression(value), generators=[each])


def _annotated(target: ast.expr, annotation: str, value: ast.expr) -> ast.stmt:
    """Return an assignment that says the type of what may be an empty list."""
    said = ast.parse(annotation, mode="eval").body
    assert isinstance(target, ast.Name)
    return ast.AnnAssign(target=target, annotation=said, value=value, simple=1)


def _constant(node: Node) -> ast.expr:
    if node.value == -1:  # the trees of Python hold no negative constants
        return ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1))
    return ast.Constant(value=node.value)
