"""The syntax of PDEs as people write them, and what is said of a text that has another."""

import re
from functools import cache

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from models.errors import UserError
from models.grammar.text_errors import excerpt

_ORDER_PATTERN = r"((\^|\*\*)?[0-9]|[\u00b2\u00b3\u2074-\u2079])?"
_GRAMMAR = r"""
start: sum (EQUALS sum)?
sum: [SIGNS] product (SIGNS product)*
product: factor (MUL factor | DIV NUMBER | _beside)*
_beside: named_factor
?factor: base
    | base POW INT -> power
    | base SUPERSCRIPT -> superscript
?named_factor: named
    | named POW INT -> power
    | named SUPERSCRIPT -> superscript
?base: NUMBER -> number
    | named
?named: UNKNOWN -> unknown
    | SUBSCRIPTS -> subscripts
    | LEIBNIZ -> leibniz
    | DERIVATIVE "(" sum ")" -> derivative
    | OPERATOR "(" sum ")" -> operator
    | "(" sum ")" GROUP_SUBSCRIPTS -> derived
    | FUNCTION "(" sum ")" -> function
    | "(" sum ")" -> group

EQUALS: "==" | "="
SIGNS: /[-+\u2212](\s*[-+\u2212])*/
MUL: "*" | "\u00b7" | "\u22c5" | "\u00d7"
DIV: "/"
POW: "^" | "**"
INT: /[0-9]+/
SUPERSCRIPT: /[\u00b2\u00b3\u2074-\u2079]/
NUMBER: /([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?/
UNKNOWN: /[uv](\s*\(\s*[txyz](\s*,\s*[txyz])*\s*\))?(?![A-Za-z0-9_])/
SUBSCRIPTS: /[uv]_(\{[txyz]+\}|[txyz]+)(?![A-Za-z0-9_])/
LEIBNIZ.2: /(d|\u2202)%(order)s[uv]\/((d|\u2202)[txyz]%(order)s)+/
OPERATOR.2: /(d|\u2202)%(order)s\/((d|\u2202)[txyz]%(order)s)+(?=\s*\()/
GROUP_SUBSCRIPTS: /_(\{[txyz]+\}|[txyz]+)(?![A-Za-z0-9_])/
FUNCTION: "sin" | "cos" | "exp"
DERIVATIVE: /(d|\u2202)_?[txyz]+(?=\s*\()/
%%ignore /\s+/
""" % {"order": _ORDER_PATTERN}  # noqa: UP031  (braces are the grammar's own)
_EXPECTED = {
    "EQUALS": "=", "SIGNS": "+ or -", "MUL": "*", "DIV": "/ and a number", "POW": "^",
    "INT": "a whole number", "NUMBER": "a number", "UNKNOWN": "u", "SUBSCRIPTS": "u_x",
    "LEIBNIZ": "du/dx", "DERIVATIVE": "dx( )", "FUNCTION": "sin( )", "LPAR": "(", "RPAR": ")",
    "GROUP_SUBSCRIPTS": "_x", "SUPERSCRIPT": "a power", "$END": "the end",
}  # fmt: skip

_REMEDIES = (
    (r"[\\$]", "LaTeX is not read: write u_xx or dxx(u), and 0.5*u"),
    (r"[\u0394\u2206\u2207]|lap|grad|div", "write a Laplacian out, as u_xx + u_yy"),
    (r"(?<=[0-9]),[0-9]", "decimals have a point, as 0.5"),
    (r"[;,&]", "one equation is read at a time"),
    (r"=", "one equals sign is read"),
    (r"'", "write primes as u_x, u_xx"),
    (r"\|", "absolute values have no word in the grammars of PDEs"),
    (r"(?<=[0-9])\.[0-9]", "a number has one point, a power none"),
    (r"([^\W\d_]{2,})\s*\(", "{} is not read: of functions sin, cos and exp of u are"),
    (r"([txyz])(?!\w)", "factors that depend on {} have no word in the grammars of PDEs"),
    (r"(?![uv](?!\w)|[uv]_)([^\W\d_]+)", "{} has no value: write a number; unknown are u and v"),
)
"""What to do about what cannot be read, by a pattern of what begins there; the first that fits."""


def parse(text: str, where: str) -> Tree[Token]:
    """Return the parse tree of a text that is not empty.

    Args:
        text: a PDE.
        where: its place for messages.

    Raises:
        UserError: it cannot be read, with the column and what could stand there.
    """
    try:
        return _parser().parse(text)
    except UnexpectedInput as error:
        raise _unreadable(error, text, where) from None


def column_error(where: str, at: int, said: str) -> UserError:
    """Return the error of a column, counted from 0, of a text at a place."""
    return UserError(f"{where}, column {at + 1}: {said}" if where else f"column {at + 1}: {said}")


@cache
def _parser() -> Lark:
    return Lark(
        _GRAMMAR,
        parser="lalr",
        lexer="contextual",
        maybe_placeholders=True,
        propagate_positions=True,
    )


def _unreadable(error: UnexpectedInput, text: str, where: str) -> UserError:
    if isinstance(error, UnexpectedCharacters):
        at, accepted = error.pos_in_stream, set(error.allowed)
    else:
        assert isinstance(error, UnexpectedToken)
        ends = error.token.type == "$END"
        at = len(text.rstrip()) if ends else error.token.start_pos or 0
        accepted = set(error.accepts or error.expected)
    quoted = excerpt(text, at).replace("\\\\", "\\")
    if at >= len(text.rstrip()):
        found, remedy = "the text ends too early", None
    else:
        found, remedy = f"unexpected '{text[at]}'", _remedy(text, at)
    expected = ", ".join(word for name, word in _EXPECTED.items() if name in accepted)
    return column_error(where, at, f"{found} in {quoted}: {remedy or f'expected {expected}'}")


def _remedy(text: str, at: int) -> str | None:
    """Return what to write instead of what people write there, if it is known."""
    for pattern, said in _REMEDIES:
        found = re.compile(pattern).match(text, at)
        if found is not None:
            return said.format(*found.groups())
    return None
