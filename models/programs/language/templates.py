"""Each kind of node as Python, once, for writing programs and for reading them.

A template is Python text in which `a`, `b`, `c`, `d` stand for the expressions in the node, in the
order of its production, `s` for its slot, `t` for the second one and `...` for a body.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from models.programs.language.filling import HOLES, instantiate
from models.programs.language.hashed_templates import (
    EMPTY,
    HASHED_EXPRESSIONS,
    HASHED_STATEMENTS,
)
from models.programs.language.kinds import TYPE_OF, Kind, Type, language, said

EXPRESSIONS: Mapping[str, str] = {
    "add": "a + b",
    "sub": "a - b",
    "mul": "a * b",
    "floordiv": "a // b",
    "mod": "a % b",
    "neg": "-a",
    "abs": "abs(a)",
    "min_2": "min(a, b)",
    "max_2": "max(a, b)",
    "min_list": "min(a)",
    "max_list": "max(a)",
    "sum": "sum(a)",
    "len_list": "len(a)",
    "len_set_list": "len(set(a))",
    "len_str": "len(a)",
    "len_set_str": "len(set(a))",
    "len_words": "len(a.split())",
    "int_str": "int(a)",
    "ord": "ord(a)",
    "int_bool": "int(a)",
    "item": "a[b]",
    "count_list": "a.count(b)",
    "index_list": "a.index(b)",
    "count_str": "a.count(b)",
    "find": "a.find(b)",
    "if_int": "b if a else c",
    "lt": "a < b",
    "le": "a <= b",
    "gt": "a > b",
    "ge": "a >= b",
    "eq": "a == b",
    "ne": "a != b",
    "lt_str": "a < b",
    "le_str": "a <= b",
    "gt_str": "a > b",
    "ge_str": "a >= b",
    "eq_str": "a == b",
    "ne_str": "a != b",
    "eq_list": "a == b",
    "ne_list": "a != b",
    "eq_bool": "a == b",
    "ne_bool": "a != b",
    "and": "a and b",
    "or": "a or b",
    "not": "not a",
    "in_list": "a in b",
    "not_in_list": "a not in b",
    "in_str": "a in b",
    "not_in_str": "a not in b",
    "isdigit": "a.isdigit()",
    "isalpha": "a.isalpha()",
    "isupper": "a.isupper()",
    "islower": "a.islower()",
    "startswith": "a.startswith(b)",
    "endswith": "a.endswith(b)",
    "if_bool": "b if a else c",
    "concat_str": "a + b",
    "repeat_str": "a * b",
    "char": "a[b]",
    "str_int": "str(a)",
    "chr": "chr(a)",
    "upper": "a.upper()",
    "lower": "a.lower()",
    "strip": "a.strip()",
    "replace": "a.replace(b, c)",
    "join": "a.join(b)",
    "join_sorted": "a.join(sorted(b))",
    "join_reversed": "a.join(reversed(b))",
    "word": "a.split()[b]",
    "if_str": "b if a else c",
    "empty": "[]",
    "list_1": "[a]",
    "list_2": "[a, b]",
    "list_3": "[a, b, c]",
    "concat_list": "a + b",
    "repeat_list": "a * b",
    "sorted": "sorted(a)",
    "sorted_down": "sorted(a, reverse=True)",
    "sorted_set": "sorted(set(a))",
    "reversed": "list(reversed(a))",
    "copy": "list(a)",
    "range_1": "list(range(a))",
    "range_2": "list(range(a, b))",
    "range_3": "list(range(a, b, c))",
    "if_list": "b if a else c",
    "pow": "a ** b",
    "index_str": "a.index(b)",
    "rfind": "a.rfind(b)",
    "eq_set_list": "set(a) == set(b)",
    "eq_set_str": "set(a) == set(b)",
    "isalnum": "a.isalnum()",
    "isspace": "a.isspace()",
    "bin": "bin(a)",
    "swapcase": "a.swapcase()",
    "capitalize": "a.capitalize()",
    "title": "a.title()",
    "lstrip": "a.lstrip()",
    "rstrip": "a.rstrip()",
    "strip_of": "a.strip(b)",
    "len_split": "len(a.split(b))",
    "len_texts": "len(a)",
    "len_set_texts": "len(set(a))",
    "count_texts": "a.count(b)",
    "index_texts": "a.index(b)",
    "eq_texts": "a == b",
    "ne_texts": "a != b",
    "in_texts": "a in b",
    "not_in_texts": "a not in b",
    "item_texts": "a[b]",
    "min_texts": "min(a)",
    "max_texts": "max(a)",
    "join_texts": "a.join(b)",
    "empty_texts": "[]",
    "texts_1": "[a]",
    "texts_2": "[a, b]",
    "texts_3": "[a, b, c]",
    "concat_texts": "a + b",
    "repeat_texts": "a * b",
    "sorted_texts": "sorted(a)",
    "sorted_texts_down": "sorted(a, reverse=True)",
    "sorted_by_len": "sorted(a, key=len)",
    "sorted_set_texts": "sorted(set(a))",
    "sorted_str": "sorted(a)",
    "sorted_set_str": "sorted(set(a))",
    "reversed_texts": "list(reversed(a))",
    "copy_texts": "list(a)",
    "list_str": "list(a)",
    "split": "a.split()",
    "split_by": "a.split(b)",
    "if_texts": "b if a else c",
    "part": "a.split(b)[c]",
    **{
        f"{name}_{types}": f"a {operator} b"
        for name, operator in {
            **{"add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "mod": "%"},
            **{"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="},
        }.items()
        for types in ("float", "float_int", "int_float")
    },
    "div_int": "a / b",
    **dict.fromkeys(("pow_float", "power", "power_int"), "a ** b"),
    "neg_float": "-a",
    "abs_float": "abs(a)",
    "min_2_float": "min(a, b)",
    "max_2_float": "max(a, b)",
    "round": "round(a)",
    "round_to": "round(a, b)",
    **dict.fromkeys(("float_int", "float_str"), "float(a)"),
    "int_float": "int(a)",
    "str_float": "str(a)",
    "if_float": "b if a else c",
    **{
        f"slice_{value_type}{suffix}": text
        for value_type in ("str", "list", "texts")
        for suffix, text in {
            "": "a[:]",
            "_l": "a[b:]",
            "_u": "a[:b]",
            "_lu": "a[b:c]",
            "_s": "a[::b]",
            "_ls": "a[b::c]",
            "_us": "a[:b:c]",
            "_lus": "a[b:c:d]",
        }.items()
    },
    **HASHED_EXPRESSIONS,
}
"""Every kind of expression but slots, constants and lists of four items and more."""

GATHERED: Mapping[str, str] = {
    "list_of": "list(a)",
    "texts_of": "list(a)",
    "sum_of": "sum(a)",
    "min_of": "min(a)",
    "max_of": "max(a)",
    "count_of": "sum(a)",
    "any_of": "any(a)",
    "all_of": "all(a)",
    "join_of": "b.join(a)",
}
"""What becomes of the values of a comprehension; `list(...)` of one is written `[...]`."""

STATEMENTS: Mapping[str, str] = {
    "let_int": "s = a",
    "let_bool": "s = a",
    "let_str": "s = a",
    "let_list": "s = a",
    "let_texts": "s = a",
    "let_float": "s = a",
    "set_int": "s = a",
    "set_bool": "s = a",
    "set_str": "s = a",
    "set_list": "s = a",
    "set_texts": "s = a",
    "set_float": "s = a",
    "iadd": "s += a",
    "isub": "s -= a",
    "imul": "s *= a",
    "ifloordiv": "s //= a",
    "imod": "s %= a",
    "iadd_str": "s += a",
    "iadd_list": "s += a",
    "iadd_texts": "s += a",
    "iadd_float": "s += a",
    "isub_float": "s -= a",
    "imul_float": "s *= a",
    "idiv_float": "s /= a",
    "append": "s.append(a)",
    "store": "s[a] = b",
    "pop": "s.pop(a)",
    "insert": "s.insert(a, b)",
    "remove": "s.remove(a)",
    "append_text": "s.append(a)",
    "store_text": "s[a] = b",
    "pop_text": "s.pop(a)",
    "insert_text": "s.insert(a, b)",
    "remove_text": "s.remove(a)",
    "set_two": "s, a = b, c",
    **dict.fromkeys(("swap", "swap_texts"), "s[a], s[b] = s[b], s[a]"),
    "if": "if a: ...",
    "if_else": "if a: ...\nelse: ...",
    "for_range_1": "for s in range(a): ...",
    "for_range_2": "for s in range(a, b): ...",
    "for_range_3": "for s in range(a, b, c): ...",
    **dict.fromkeys(
        ("for_slot", "for_list", "for_str", "for_slot_texts", "for_texts"), "for s in a: ..."
    ),
    "for_words": "for s in a.split(): ...",
    **{
        f"for_{maker}_{over}": f"for s, t in {maker}({holes}): ..."
        for maker, holes in (("enumerate", "a"), ("zip", "a, b"))
        for over in ("list", "str", "texts")
    },
    "for_split": "for s in a.split(b): ...",
    "break": "break",
    "continue": "continue",
    "while_lt": "while s < a: ...",
    "while_le": "while s <= a: ...",
    "while_gt": "while s > a: ...",
    "while_ge": "while s >= a: ...",
    "shrink_gt": "while s > a: ...",
    "while_lt_and": "while s < a and b: ...",
    "while_le_and": "while s <= a and b: ...",
    "while_gt_and": "while s > a and b: ...",
    "while_ge_and": "while s >= a and b: ...",
    "shrink_gt_and": "while s > a and b: ...",
    "step_add": "s += a",
    "step_sub": "s -= a",
    "step_floordiv": "s //= a",
    "step_mod": "s = a % s",
    "return_int": "return a",
    "return_bool": "return a",
    "return_str": "return a",
    "return_list": "return a",
    "return_texts": "return a",
    "return_float": "return a",
    **HASHED_STATEMENTS,
}
"""Every kind of statement."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ExpressionTemplate:
    """A kind of expression with its Python syntax.

    Args:
        kind: of its production.
        syntax: the template, parsed.
        arguments: types of what stands in the holes.
        result: type of the expression.
    """

    kind: Kind
    syntax: ast.expr
    arguments: tuple[Type, ...]
    result: Type

    @cached_property
    def size(self) -> int:
        """Number of nodes in it: the larger of two that fit is meant."""
        return sum(1 for _ in ast.walk(self.syntax))

    @property
    def swaps(self) -> bool:
        """Whether its two sides may change places, as in `3 * text`."""
        return self.kind.family == "repeat"

    @property
    def text(self) -> str:
        """The template's text with types for its holes, as messages show it."""
        names = dict(zip(HOLES, map(said, self.arguments), strict=False))
        holes = {hole: ast.Name(id=name) for hole, name in names.items()}
        return f"{ast.unparse(instantiate(self.syntax, holes, iter(())))} -> {said(self.result)}"


@lru_cache(maxsize=1)
def expression_templates() -> Mapping[str, tuple[ExpressionTemplate, ...]]:
    """Return the templates of expressions by `shape` of their syntax."""
    by_shape: dict[str, list[ExpressionTemplate]] = {}
    of = language()
    for name, text in EXPRESSIONS.items():
        kind = of.kinds[of.id_of(name)]
        syntax = ast.parse(text, mode="eval").body
        template = ExpressionTemplate(
            kind=kind,
            syntax=syntax,
            arguments=tuple(TYPE_OF[child] for child in kind.children),
            result=TYPE_OF[kind.lhs],
        )
        by_shape.setdefault(shape(syntax), []).append(template)
    return {key: tuple(templates) for key, templates in by_shape.items()}


@lru_cache(maxsize=256)
def parsed_expression(kind_name: str) -> ast.expr:
    """Return the syntax of a kind of expression, with holes."""
    text = EXPRESSIONS.get(kind_name) or EMPTY.get(kind_name) or GATHERED[kind_name]
    return ast.parse(text, mode="eval").body


@lru_cache(maxsize=256)
def parsed_statement(kind_name: str) -> ast.stmt:
    """Return the syntax of a kind of statement, with holes."""
    return ast.parse(STATEMENTS[kind_name]).body[0]


def shape(node: ast.expr) -> str:
    """Return what kind of Python expression a node is: an operator, a function, a method, ..."""
    match node:
        case ast.BinOp(op=op) | ast.UnaryOp(op=op) | ast.BoolOp(op=op) | ast.Compare(ops=[op]):
            return type(op).__name__
        case ast.Call(func=ast.Name(id=name)):
            return f"{name}()"
        case ast.Call(func=ast.Attribute(attr=name)):
            return f".{name}()"
        case ast.Subscript(slice=ast.Slice()):
            return "slice"
        case _:
            return type(node).__name__
