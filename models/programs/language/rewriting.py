"""Python expressions that mean the same as shorter ones, or as ones that the language has."""

import ast
import copy

_GOES_OVER = ("sum", "min", "max", "sorted", "len")
"""Functions that go over what they are given, whether it is a list or a range."""

_OF_SETS: dict[str, ast.operator | ast.cmpop] = {
    "union": ast.BitOr(),
    "intersection": ast.BitAnd(),
    "difference": ast.Sub(),
    "issubset": ast.LtE(),
}
"""Methods of sets that are operators, too."""

_MEANT = "meant"
"""Attribute of a node that stands for a call of its method: the method's name."""

_NOTHING: dict[str, ast.expr] = {
    "list": ast.List(elts=[], ctx=ast.Load()),
    "str": ast.Constant(value=""),
    "dict": ast.Dict(keys=[], values=[]),
}


def simplified(node: ast.expr) -> ast.expr:
    """Return an expression that means the same, or the expression itself.

    Chained comparisons, `and`, `or`, `min` and `max` of three and more become what they mean, two
    at a time.
    """
    made = _rewritten(node)
    return node if made is None else simplified(at(made, node))


def at(made: ast.expr, place: ast.AST) -> ast.expr:
    """Give a made-up node the place of a real one, for messages."""
    return ast.copy_location(made, place)


def loaded(name: str) -> ast.Name:
    """Return a name that is read."""
    return ast.Name(id=name, ctx=ast.Load())


def call(name: str, argument: ast.expr) -> ast.expr:
    """Return a call of a function with one argument."""
    return at(ast.Call(func=loaded(name), args=[argument], keywords=[]), argument)


def of_method(node: ast.expr, method: str) -> ast.expr:
    """Return the owner of a method, to stand for a call of it: only some types have the method."""
    made = copy.copy(node)
    setattr(made, _MEANT, method)
    return made


def method_meant(node: ast.expr) -> str | None:
    """Return the method of which `of_method` made a node the owner, or None."""
    return getattr(node, _MEANT, None)


def listed_view(node: ast.expr) -> ast.expr | None:
    """Return what `d.keys()` and `d.values()` go over as an expression, or None for others."""
    match node:
        case ast.Call(func=ast.Attribute(value=over, attr="keys"), args=[], keywords=[]):
            return of_method(over, "keys")
        case ast.Call(func=ast.Attribute(attr="values"), args=[], keywords=[]):
            return call("list", node)
        case _:
            return None


def _rewritten(  # noqa: PLR0911  (one a kind)
    node: ast.expr,
) -> ast.expr | None:
    match node:
        case ast.Compare(ops=[_, _, *_]):
            return _unchained(node)
        case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[over]) if (
            looked := _looked_into(over)
        ) is not None:
            return ast.Compare(left=node.left, ops=node.ops, comparators=[looked])
        case ast.Call(func=ast.Attribute(value=left, attr=name), args=[right], keywords=[]) if (
            name in _OF_SETS
        ):
            operator, left = _OF_SETS[name], of_method(left, name)
            if isinstance(operator, ast.operator):
                return ast.BinOp(left=left, op=operator, right=right)
            return ast.Compare(left=left, ops=[operator], comparators=[right])
        case ast.BoolOp(op=op, values=[first, second, third, *more]):
            rest = at(ast.BoolOp(op=op, values=[second, third, *more]), second)
            return ast.BoolOp(op=op, values=[first, rest])
        case ast.Call(
            func=ast.Attribute(attr="join") as func,
            args=[ast.Call(func=ast.Name(id="list"), args=[ast.Call() | ast.GeneratorExp() as n])],
        ) if isinstance(n, ast.GeneratorExp) or _values(n) is not None:
            return ast.Call(func=func, args=[n], keywords=node.keywords)
        case ast.Call(
            func=ast.Attribute(attr="join") as func,
            args=[ast.Call(func=ast.Attribute(attr="keys" | "values"), args=[], keywords=[]) as n],
        ):
            return ast.Call(func=func, args=[call("list", n)], keywords=node.keywords)
        case ast.Call(func=func, args=[ast.Call(func=ast.Name(id="map" | "filter")) as n]):
            values = _values(n)
            if values is None or not isinstance(func, ast.Name | ast.Attribute):
                return None
            return ast.Call(func=func, args=[values], keywords=node.keywords)
        case ast.Call(
            func=ast.Attribute(attr="split"), args=[], keywords=[ast.keyword(arg="sep", value=by)]
        ):
            return ast.Call(func=node.func, args=[by], keywords=[])
        case ast.Call(func=ast.Name()):
            return _rewritten_call(node)
        case _:
            return None


def _looked_into(node: ast.expr) -> ast.expr | None:
    """Turn a tuple, a set or a view behind `in` into what it means there, else None."""
    match node:
        case ast.Tuple(elts=items) | ast.Set(elts=items):
            return at(ast.List(elts=items, ctx=ast.Load()), node)
        case _:
            return listed_view(node)


def _rewritten_call(  # noqa: PLR0911, PLR0912  (one a kind)
    node: ast.Call,
) -> ast.expr | None:
    match node:
        case ast.Call(func=ast.Name(id="min" | "max"), args=[first, second, third, *more]):
            rest = at(ast.Call(func=node.func, args=[second, third, *more], keywords=[]), second)
            return ast.Call(func=node.func, args=[first, rest], keywords=node.keywords)
        case ast.Call(
            func=ast.Name(id="list"),
            args=[
                ast.Call(
                    func=ast.Name(id="reversed"),
                    args=[ast.Call(func=ast.Name(id="range")) as n],
                )
            ],
        ):
            backwards = call("reversed", call("list", n))
            return ast.Call(func=node.func, args=[backwards], keywords=[])
        case ast.Call(func=ast.Name(id="list"), args=[ast.GeneratorExp() as n], keywords=[]):
            return ast.ListComp(elt=n.elt, generators=n.generators)
        case ast.Call(func=ast.Name(id="sorted" | "len"), args=[ast.GeneratorExp() as n]):
            values = at(ast.ListComp(elt=n.elt, generators=n.generators), n)
            return ast.Call(func=node.func, args=[values], keywords=node.keywords)
        case ast.Call(
            func=ast.Name(id=name),
            args=[ast.Call(func=ast.Attribute(value=over, attr="keys"), args=[], keywords=[])],
        ) if name in (*_GOES_OVER, "set", "list"):
            return ast.Call(func=node.func, args=[of_method(over, "keys")], keywords=node.keywords)
        case ast.Call(
            func=ast.Name(id=name),
            args=[ast.Call(func=ast.Attribute(attr="values"), args=[], keywords=[]) as n],
        ) if name in (*_GOES_OVER, "set"):
            return ast.Call(func=node.func, args=[call("list", n)], keywords=node.keywords)
        case ast.Call(func=ast.Name(id="set"), args=[ast.GeneratorExp() as n], keywords=[]):
            return ast.SetComp(elt=n.elt, generators=n.generators)
        case ast.Call(func=ast.Name(id="dict"), args=[_], keywords=[]):
            return _pairs(node.args[0])
        case ast.Call(func=ast.Name(id="list" | "str" | "dict" as name), args=[], keywords=[]):
            return _NOTHING[name]
        case ast.Call(func=ast.Name(id=name), args=[ast.Call(func=ast.Name(id="range")) as n]) if (
            name in (*_GOES_OVER, "set")
        ):
            return ast.Call(func=node.func, args=[call("list", n)], keywords=node.keywords)
        case ast.Call(
            func=ast.Name(id="sorted" | "len"),
            args=[ast.Call(func=ast.Name(id="set"), args=[_], keywords=[]) as n],
        ) if (made := _rewritten_call(n)) is not None:
            return ast.Call(func=node.func, args=[at(made, n)], keywords=node.keywords)
        case ast.Call(
            func=ast.Name(id="sorted" | "len"),
            args=[
                ast.Call(func=ast.Name(id="list"), args=[ast.Call(func=ast.Name(id="set")) as n])
            ],
        ):
            return ast.Call(func=node.func, args=[n], keywords=node.keywords)
        case ast.Call(
            func=ast.Name(id="sorted"), args=[items], keywords=[ast.keyword(arg="reverse", value=v)]
        ) if not (isinstance(v, ast.Constant) and v.value is True):
            upwards = call("sorted", items)
            if isinstance(v, ast.Constant) and v.value is False:
                return upwards
            down = [ast.keyword(arg="reverse", value=ast.Constant(value=True))]
            downwards = at(ast.Call(func=node.func, args=[items], keywords=down), items)
            return ast.IfExp(test=v, body=downwards, orelse=upwards)
        case _:
            return None


def _pairs(node: ast.expr) -> ast.expr | None:
    """Turn the pairs of which a dictionary is made into the comprehension that it is."""
    match node:
        case (
            ast.GeneratorExp(elt=ast.Tuple(elts=[key, value]))
            | ast.ListComp(elt=ast.Tuple(elts=[key, value]))
        ):
            return ast.DictComp(key=key, value=value, generators=node.generators)
        case ast.List(elts=[_, *_] as items) if all(
            isinstance(item, ast.Tuple) and len(item.elts) == 2 for item in items
        ):
            parts = [item.elts for item in items if isinstance(item, ast.Tuple)]
            return ast.Dict(keys=[key for key, _ in parts], values=[value for _, value in parts])
        case ast.Call(func=ast.Name(id="zip"), args=[_, _], keywords=[]):
            names = [
                ast.copy_location(ast.Name(id=name, ctx=ast.Store()), node)
                for name in ("key", "value")
            ]
            pair = at(ast.Tuple(elts=[*names], ctx=ast.Store()), node)
            each = ast.comprehension(target=pair, iter=node, ifs=[], is_async=0)
            key, value = (at(loaded(name.id), node) for name in names)
            return ast.DictComp(key=key, value=value, generators=[each])
        case _:
            return None


def _values(node: ast.Call) -> ast.GeneratorExp | None:
    """Turn `map(f, xs)` and `filter(f, xs)` into the comprehension that they are."""
    match node:
        case ast.Call(
            func=ast.Name(id=name),
            args=[ast.Lambda(args=ast.arguments(args=[ast.arg(arg=item)]), body=body), items],
            keywords=[],
        ):
            is_map = name == "map"
        case ast.Call(func=ast.Name(id="map"), args=[ast.Name() as function, items], keywords=[]):
            item, is_map = "item", True
            body = at(ast.Call(func=function, args=[at(loaded(item), node)], keywords=[]), node)
        case _:
            return None
    each = ast.comprehension(
        target=at(ast.Name(id=item, ctx=ast.Store()), node),
        iter=items,
        ifs=[] if is_map else [body],
        is_async=0,
    )
    made = ast.GeneratorExp(elt=body if is_map else at(loaded(item), node), generators=[each])
    return ast.copy_location(made, node)


def _unchained(node: ast.Compare) -> ast.expr:
    """Turn `a < b < c` into `a < b and b < c`; expressions are pure, so b may be read twice."""
    operands = [node.left, *node.comparators]
    pairs = zip(operands, node.ops, operands[1:], strict=False)
    links = [
        at(ast.Compare(left=left, ops=[op], comparators=[right]), left) for left, op, right in pairs
    ]
    return ast.BoolOp(op=ast.And(), values=links)
