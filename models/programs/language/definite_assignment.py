"""Names that a function may read before anything gives them a value, on some path through it.

Python decides this only while it runs (`UnboundLocalError`, `NameError`). Here every branch may be
taken or not, and the body of every loop may run no time at all.
"""

import ast
import builtins
from collections.abc import Iterator, Sequence

Assigned = frozenset[str] | None
"""Names that surely have a value at a place; None where no path leads."""

_BUILTINS = frozenset(dir(builtins))
_NEW_SCOPES = (ast.Lambda, ast.NamedExpr)
_COMPREHENSIONS = (ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)


def unassigned_reads(module: ast.Module) -> frozenset[str]:
    """Return the names that a module's functions may read while they have no value.

    A name that a function assigns anywhere is local to it, even if Python has a function of that
    name. What stands behind a `return` is never read.

    Args:
        module: with functions alone, made of the statements and expressions of the language.
    """
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    known = _BUILTINS | {function.name for function in functions}
    return frozenset().union(*(_Paths(function, known).unassigned for function in functions))


class _Paths:
    """Follows all paths through one function.

    Args:
        function: to follow.
        known: names that have a value outside it.

    Attributes:
        unassigned: names that were read and may have no value.
    """

    def __init__(self, function: ast.FunctionDef, known: frozenset[str]) -> None:
        parameters = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
        stored = {name for node in function.body for name in _names(node, ast.Store)}
        self._outer = known - stored
        self.unassigned: set[str] = set()
        self._block(function.body, frozenset(parameters))

    def _block(self, statements: Sequence[ast.stmt], assigned: Assigned) -> Assigned:
        """Follow statements; return what has a value behind them."""
        for statement in statements:
            if assigned is None:
                return None
            assigned = self._statement(statement, assigned)
        return assigned

    def _statement(  # noqa: PLR0911  (one a kind)
        self, node: ast.stmt, assigned: frozenset[str]
    ) -> Assigned:
        match node:
            case ast.Assign(targets=targets, value=value):
                self._read([value, *targets], assigned)
                return assigned.union(*(_names(target, ast.Store) for target in targets))
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                plain = ast.Assign(targets=[target], value=value)
                return self._statement(plain, assigned)
            case ast.AugAssign(target=target, value=value):
                # The name itself is read, too, although Python calls it stored.
                self._read([target, value], assigned)
                self._need(_names(target, ast.Store), assigned)
                return assigned
            case ast.Expr(value=value) | ast.Return(value=ast.expr() as value):
                self._read([value], assigned)
                return assigned if isinstance(node, ast.Expr) else None
            case ast.Break() | ast.Continue():
                return None
            case ast.If(test=test, body=body, orelse=orelse):
                self._read([test], assigned)
                return _both(self._block(body, assigned), self._block(orelse, assigned))
            case ast.For() | ast.While():
                return self._loop(node, assigned)
            case _:
                raise AssertionError(f"the language has no {ast.unparse(node)}")

    def _loop(self, node: ast.For | ast.While, assigned: frozenset[str]) -> Assigned:
        """Follow a loop; its body may run no time, so behind it nothing more has a value."""
        assert not node.orelse, "the language has no else of a loop"
        inner = assigned
        if isinstance(node, ast.For):
            self._read([node.iter, node.target], assigned)
            inner = assigned.union(_names(node.target, ast.Store))
        else:
            self._read([node.test], assigned)
        # Names only gain values, so the first time round has the fewest.
        self._block(node.body, inner)
        return assigned

    def _read(self, expressions: Sequence[ast.expr], assigned: frozenset[str]) -> None:
        for expression in expressions:
            self._need(_names(expression, ast.Load), assigned)

    def _need(self, names: Iterator[str], assigned: frozenset[str]) -> None:
        self.unassigned |= {n for n in names if n not in assigned and n not in self._outer}


def _both(one: Assigned, other: Assigned) -> Assigned:
    """Return what has a value behind two paths that meet."""
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _names(tree: ast.AST, context: type[ast.expr_context]) -> Iterator[str]:
    """Yield the names in a tree that are read, or stored."""
    waiting = [tree]  # `ast.walk` takes three times as long
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, context):
                yield node.id
            continue
        assert not isinstance(node, _NEW_SCOPES), "the language has no names of an expression"
        if isinstance(node, _COMPREHENSIONS):
            yield from _outer_names(node, context)
            continue
        for name in node._fields:
            part = getattr(node, name)
            if isinstance(part, list):
                waiting += [item for item in part if isinstance(item, ast.AST)]
            elif isinstance(part, ast.AST):
                waiting.append(part)


def _outer_names(
    node: ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp,
    context: type[ast.expr_context],
) -> Iterator[str]:
    """Yield the names in a comprehension that are not its own; what it stores is its own."""
    (each,) = node.generators
    yield from _names(each.iter, context)
    if context is ast.Load:
        own = set(_names(each.target, ast.Store))
        values = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        inner = (name for part in (*values, *each.ifs) for name in _names(part, context))
        yield from (name for name in inner if name not in own)
