"""Names of Python constructs outside the language, and what to use instead."""

import ast
from typing import TypeAlias

from models.errors import nearest_name
from models.programs.language.refusals import Refusal, excerpt
from models.programs.language.templates import expression_templates

Construct: TypeAlias = tuple[str, str]
"""What a construct is, and what to use instead; the latter may be empty."""

VALUES = (
    "values are int, bool, float, str, lists and sets of int or str, and dictionaries from int or "
    "str to int or str"
)

_EXPRESSIONS: dict[type[ast.expr], Construct] = {
    ast.Attribute: ("attributes are not in the language", "only the calls of its methods are"),
    ast.Await: ("await is not in the language", ""),
    ast.GeneratorExp: (
        "a generator is not a value here",
        "sum, min, max, any, all and join take one",
    ),
    ast.Lambda: ("a lambda is not in the language", ""),
    ast.NamedExpr: ("an assignment in an expression is not in the language", "assign before"),
    ast.Starred: ("unpacking is not in the language", ""),
    ast.Tuple: ("a tuple is not in the language", VALUES),
    ast.Yield: ("yield is not in the language", "append to a list and return it"),
    ast.YieldFrom: ("yield is not in the language", "append to a list and return it"),
}

_OPERATORS: dict[str, Construct] = {
    "MatMult": ("@ is not in the language", ""),
    "LShift": ("<< is not in the language", "multiply by a power of 2"),
    "RShift": (">> is not in the language", "use // by a power of 2"),
    "BitXor": ("^ is not in the language", "use != for bools, (a | b) - (a & b) for sets"),
    "Invert": ("~ is not in the language", "use `not` for bools, -x - 1 for ints"),
    "UAdd": ("unary + is not in the language", "leave it out"),
    "Is": ("`is` is not in the language", "use =="),
    "IsNot": ("`is not` is not in the language", "use !="),
}

_ALONE: dict[str, Construct] = {
    "range": ("a range is not a value here", "write list(range(...)), or use it in a for"),
    "reversed": (
        "reversed(...) is not a value here",
        "write list(reversed(...)) for a list, [::-1]",
    ),
    **dict.fromkeys(("any", "all"), ("this takes a generator", "write `... for x in xs` in it")),
    "enumerate": ("enumerate is not a value here", "loop over it with two variables"),
    "zip": ("zip is not a value here", "loop over it with two variables"),
}

_METHODS: dict[str, Construct] = {
    "keys": ("the keys of a dictionary are no value here", "write list(d)"),
    "values": ("the values of a dictionary are no value here", "write list(d.values())"),
    "items": ("the items of a dictionary are no value here", "loop over them with two variables"),
    "copy": (".copy() is not in the language", "write list(xs), set(s) or dict(d)"),
    "pop": (
        ".pop(...) is no value here",
        "read the item of a list before, then write xs.pop(...) alone in its line",
    ),
    "isdisjoint": (".isdisjoint() is not in the language", "write len(a & b) == 0"),
    "issuperset": (".issuperset() is not in the language", "write b <= a"),
    "symmetric_difference": (
        ".symmetric_difference() is not in the language",
        "write (a | b) - (a & b)",
    ),
}
"""Methods that values have in Python and no kind stands for."""

_SETS_ONLY: dict[type[ast.operator], str] = {
    ast.BitAnd: "; use `and` for bools, % for ints",
    ast.BitOr: "; use `or` for bools",
}

_WITHOUT_KEY = "make a new dictionary, as in `{k: v for k, v in d.items() if k != key}`"

_STATEMENTS: dict[type[ast.stmt], Construct] = {
    ast.AnnAssign: ("an annotation without a value is not in the language", "give it a value"),
    ast.Assert: ("assert is not in the language", ""),
    ast.Delete: ("del is not in the language", f"use xs.pop(i) for lists; {_WITHOUT_KEY}"),
    ast.FunctionDef: ("a function in a function is not in the language", ""),
    ast.Global: ("global is not in the language", ""),
    ast.Import: ("import is not in the language", ""),
    ast.ImportFrom: ("import is not in the language", ""),
    ast.Pass: ("pass is not in the language", "turn the condition round or leave the block out"),
    ast.Raise: ("raise is not in the language", ""),
    ast.Try: ("try is not in the language", ""),
    ast.With: ("with is not in the language", ""),
}

STATEMENT_FORMS = (
    "allowed are assignments to names or items, += -= *= /= //= %=, methods of lists and sets such "
    "as xs.append(x) and s.add(x), d.clear(), if, for, while and return"
)


def refused_expression(node: ast.expr) -> Refusal:
    """Say what an expression of no known shape is, and what to use instead."""
    match node:
        case ast.BinOp(op=op) | ast.UnaryOp(op=op) | ast.Compare(ops=[op]):
            return _refused(node, _OPERATORS.get(type(op).__name__), type(op).__name__)
        case ast.Call(func=ast.Name(id=name)):
            return _refused_call(node, name, f"{name}()")
        case ast.Call(func=ast.Attribute(attr=name)) if name in _METHODS:
            return _refused(node, _METHODS[name], name)
        case ast.Call(func=ast.Attribute(attr=name)):
            return _refused_call(node, name, f".{name}()")
        case _:
            return _refused(node, _EXPRESSIONS.get(type(node)), type(node).__name__)


def refused_statement(node: ast.stmt) -> Refusal:
    """Say what a statement outside the language is, and what to use instead."""
    name = type(node).__name__
    return Refusal(
        node, *_STATEMENTS.get(type(node), (f"{name} is not in the language", STATEMENT_FORMS))
    )


def instead_of(node: ast.expr) -> str:
    """Say what to use in place of an operator where it is not of sets, or return ""."""
    return _SETS_ONLY.get(type(node.op), "") if isinstance(node, ast.BinOp) else ""


def _refused(node: ast.expr, known: Construct | None, name: str) -> Refusal:
    return Refusal(node, *(known or (f"{name} is not in the language", "")), it=excerpt(node))


def _refused_call(node: ast.expr, name: str, key: str) -> Refusal:
    if name in _ALONE:
        return _refused(node, _ALONE[name], name)
    known = [shape for shape in expression_templates() if shape.endswith("()")]
    bare = {shape.strip(".()"): shape for shape in known}  # brackets in common are no likeness
    match = nearest_name(name, bare)
    hint = f" Did you mean '{bare[match]}'?" if match else ""
    hint = f".{hint} Known: {', '.join(known)}"
    return Refusal(node, f"{key} is not in the language", hint=hint, it=excerpt(node))
