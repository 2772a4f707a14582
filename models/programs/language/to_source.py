"""Derivations to Python source."""

import ast
from collections.abc import Mapping, Sequence

from models.errors import UserError
from models.programs.language.filling import HOLES, instantiate
from models.programs.language.kinds import (
    ANNOTATIONS,
    CONSTANT,
    MAPS,
    NUM_SLOTS,
    SETS,
    SLOT,
    Type,
    language,
)
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
        args = map(self._over_range if over_range else self._expression, node.args)
        if node.kind in ("for_list", "for_texts") and not _changes_what_it_views(node):
            args = map(self._over, node.args)
        holes: dict[str, ast.expr] = dict(zip(HOLES, args, strict=False))
        if node.slot is not None:
            holes["s"] = ast.Name(id=self.name(node.slot))
            if language().named(node.kind).second:
                holes["t"] = ast.Name(id=self.name(node.slot + 1))
        bodies = map(self.block, node.blocks)
        statement = instantiate(parsed_statement(node.kind), holes, bodies)
        statement.lineno = 0  # `ast.unparse` asks some statements for it
        of = _STARTED.get((node.kind, node.args[0].kind)) if node.args else None
        if of is not None:
            return _annotated(holes["s"], ANNOTATIONS[of], holes["a"])
        return statement

    def _expression(self, node: Node) -> ast.expr:  # noqa: PLR0911  (one a kind)
        if node.kind == SLOT:
            return ast.Name(id=self.name(node.slot))
        if node.kind == CONSTANT:
            return _constant(node)
        if node.family == "each":
            return self._comprehension(node)
        if node.kind in _GO_OVER:
            *args, last = node.args
            going = [*map(self._expression, args), self._gone_over(node.kind, last)]
            holes = dict(zip(HOLES, going, strict=False))
            return instantiate(parsed_expression(node.kind), holes, iter(()))
        args = [self._expression(item) for item in node.args]
        if node.kind.removesuffix("_n") in SETS:
            return ast.Set(elts=args)
        if node.kind.removesuffix("_n") in MAPS:
            return ast.Dict(keys=list(args[::2]), values=args[1::2])
        if node.kind.removesuffix("_of") in (*SETS, *MAPS):
            return _collected(args[0])
        if node.kind in ("list_n", "texts_n"):
            return ast.List(elts=args)
        if node.kind in ("list_of", "texts_of"):
            (values,) = args
            assert isinstance(values, ast.GeneratorExp)
            return ast.ListComp(elt=values.elt, generators=values.generators)
        holes = dict(zip(HOLES, args, strict=False))
        return instantiate(parsed_expression(node.kind), holes, iter(()))

    def _over(self, node: Node) -> ast.expr:
        """Return what is gone over; keys and values need not be a list for that, nor a range."""
        if node.kind in _KEYS:
            return self._expression(node.args[0])
        return self._values(node) if node.kind in _VALUES else self._over_range(node)

    def _gone_over(self, kind: str, node: Node) -> ast.expr:
        """Return what a function goes over; `in` looks into a dictionary in another way."""
        if node.kind in _KEYS and node.args[0].kind == SLOT and kind not in _LOOK:
            return self._expression(node.args[0])
        return self._values(node) if node.kind in _VALUES else self._expression(node)

    def _values(self, node: Node) -> ast.expr:
        """Return `d.values()`."""
        as_list = self._expression(node)
        assert isinstance(as_list, ast.Call)
        return as_list.args[0]

    def _over_range(self, node: Node) -> ast.expr:
        """Return what a loop or a comprehension goes over; a range need not be a list for that."""
        if node.kind in ("range_1", "range_2", "range_3"):
            as_list = self._expression(node)
            assert isinstance(as_list, ast.Call)
            return as_list.args[0]
        return self._expression(node)

    def _comprehension(self, node: Node) -> ast.GeneratorExp:
        kind = language().named(node.kind)
        assert node.slot is not None  # the first that it defines
        over, values = list(node.args[: -kind.num_values]), node.args[-kind.num_values :]
        tests = [self._expression(over.pop().args[0])] if over[-1].kind == "where" else []
        names: list[ast.expr] = [
            ast.Name(id=self.name(node.slot + number)) for number in range(len(kind.defined))
        ]
        items = [self._over(item) for item in over]
        if kind.maker == "items":
            items = [
                ast.Call(func=ast.Attribute(value=items[0], attr="items"), args=[], keywords=[])
            ]
        elif kind.maker == "split":
            items = [
                ast.Call(
                    func=ast.Attribute(value=items[0], attr="split"), args=items[1:], keywords=[]
                )
            ]
        elif kind.maker is not None:
            items = [ast.Call(func=ast.Name(id=kind.maker), args=items, keywords=[])]
        target = names[0] if len(names) == 1 else ast.Tuple(elts=names)
        each = ast.comprehension(target=target, iter=items[0], ifs=tests, is_async=0)
        made = [self._expression(value) for value in values]
        value = made[0] if len(made) == 1 else ast.Tuple(elts=made)
        return ast.GeneratorExp(elt=value, generators=[each])


_STARTED: Mapping[tuple[str, str], Type] = {
    (f"let_{of}", f"{empty}_{of}"): of
    for of in ("texts", *SETS, *MAPS)
    for empty in ("empty", "if")
}
"""Definitions with what may be empty, which does not say its type."""

_KEYS = tuple(f"keys_{of}" for of in MAPS)
_VALUES = tuple(f"values_{of}" for of in MAPS)

_LOOK = ("in_list", "not_in_list", "in_texts", "not_in_texts")
_GO_OVER = (
    *("sorted", "sorted_down", "sum", "min_list", "max_list", *_LOOK),
    *("sorted_texts", "sorted_texts_down", "min_texts", "max_texts"),
)
"""Kinds whose last part is written as a view of a dictionary where it is a list of one."""


def _changes_what_it_views(node: Node) -> bool:
    """Tell whether a loop over keys or values may change the dictionary: it needs a list then."""
    (over,) = node.args
    if over.kind not in (*_KEYS, *_VALUES):
        return True
    viewed = over.args[0]
    return viewed.kind != SLOT or any(_changes(item, viewed.slot) for item in node.blocks[0])


def _changes(statement: Node, slot: int | None) -> bool:
    own = statement.slot == slot and statement.family in ("set", "append")
    return own or any(_changes(item, slot) for block in statement.blocks for item in block)


def _collected(values: ast.expr) -> ast.expr:
    """Return a set or a dictionary of the values of a comprehension."""
    assert isinstance(values, ast.GeneratorExp)
    if isinstance(values.elt, ast.Tuple):
        key, value = values.elt.elts
        return ast.DictComp(key=key, value=value, generators=values.generators)
    return ast.SetComp(elt=values.elt, generators=values.generators)


def _annotated(target: ast.expr, annotation: str, value: ast.expr) -> ast.stmt:
    """Return an assignment that says the type of what may be an empty list."""
    said = ast.parse(annotation, mode="eval").body
    assert isinstance(target, ast.Name)
    return ast.AnnAssign(target=target, annotation=said, value=value, simple=1)


def _constant(node: Node) -> ast.expr:
    if node.value == -1:  # the trees of Python hold no negative constants
        return ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1))
    return ast.Constant(value=node.value)
