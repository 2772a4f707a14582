"""Reads PDEs in the notations that people use, and notes what the grammar writes otherwise.

Beside `dt(u) - 0.5*dxx(u)` these are: `u_t`, `u_{xx}`; `du/dt`, `d^2u/dx^2`, also with the sign of
partial derivatives; `(u^2)_x`, `d/dx(u^2)`; `u**2`, `u²`; `2u`, `2 u_x`; `.5`, `1e-3`; `u(x, t)`;
an equals sign; signs in front and in a row; parentheses, powers and derivatives of sums and
products.
"""

import re
from collections import Counter
from collections.abc import Collection
from decimal import Decimal
from typing import Any

from lark import Token, Transformer, v_args
from lark.exceptions import VisitError

from models.errors import UserError
from models.grammar_vae.notation.operators import (
    MAX_TERMS,
    Factor,
    Function,
    Jet,
    NoDerivative,
    Operator,
    PowerJet,
    Term,
    TooLong,
    constant,
    derivative,
    in_order,
    one_factor,
    power,
    product,
    scaled,
)
from models.grammar_vae.notation.syntax import column_error, parse

_SUPERSCRIPTS = {"²": 2, "³": 3, "⁴": 4, "⁵": 5, "⁶": 6, "⁷": 7, "⁸": 8, "⁹": 9}
_LARGEST_POWER = 9
_LONGEST_NUMBER = 24
"""Digits; a derivation spells numbers digit by digit."""
_UPPER = re.compile(r"([txyz])(?:\^|\*\*)?(\d|[²³⁴-⁹])?")


def read_operator(text: str, known: Collection[str], where: str = "") -> tuple[Operator, Counter]:
    """Return the operator that a text says is 0, and how often it was written in which notation.

    Args:
        text: a PDE.
        known: the symbols of the grammar, as `dxx(u)`: other derivatives are refused.
        where: the text's place for messages.

    Raises:
        UserError: it cannot be read, with the column; or holds what the grammar has no word for.
    """
    if not text.strip():
        raise UserError(f"{where}: the text is empty" if where else "the text is empty")
    tree = parse(text, where)
    builder = _Builder(frozenset(known), text, where)
    try:
        operator = builder.transform(tree)
    except VisitError as error:
        if isinstance(error.orig_exc, TooLong):
            said = f"{text!r} has more than {MAX_TERMS} terms once written out: shorten it"
            raise UserError(f"{where}: {said}" if where else said) from None
        raise error.orig_exc from None
    return operator, builder.notations


@v_args(meta=True)
class _Builder(Transformer[Token, Any]):
    """Makes an operator of a parse tree, from the leaves up."""

    def __init__(self, known: frozenset[str], text: str, where: str) -> None:
        super().__init__()
        self.notations: Counter[str] = Counter()
        self._known = known
        self._text = text
        self._where = where

    def start(self, meta: Any, children: list[Any]) -> Operator:
        """Move the right-hand side over."""
        if len(children) == 1:
            return children[0]
        left, _, right = children
        for side, other, note in ((right, left, "`= 0` left out"), (left, right, "`0 =` left out")):
            if not any(term.coefficient for term in side):
                self._note(note)
                return other
        self._note("the right-hand side moved to the left")
        return (*left, *scaled(right, Decimal(-1)))

    def sum(self, meta: Any, children: list[Any]) -> Operator:
        """Add terms with their signs."""
        terms: list[Any] = []
        for signs, operator in zip(children[::2], children[1::2], strict=True):
            minus = sum(sign in "-\u2212" for sign in signs or "") % 2
            if signs and len([sign for sign in signs if not sign.isspace()]) > 1:
                self._note("signs in a row made one")
            terms += scaled(operator, Decimal(-1 if minus else 1))
        return tuple(terms)

    def product(self, meta: Any, children: list[Any]) -> Operator:
        """Multiply and divide from the left."""
        result, *rest = children
        while rest:
            sign = rest.pop(0)
            if not isinstance(sign, Token):
                self._note("factors side by side, as `2u`, written with *")
                result = self._multiplied(result, sign)
            elif sign.type == "MUL":
                result = self._multiplied(result, rest.pop(0))
            else:
                result = self._divided(result, rest.pop(0))
        return result

    def number(self, meta: Any, children: list[Token]) -> Operator:
        """Take a number."""
        return constant(self._number(children[0]))

    def unknown(self, meta: Any, children: list[Token]) -> Operator:
        """Take u, whose arguments go without saying."""
        if "(" in children[0]:
            self._note("the arguments of u left out")
        return one_factor(self._known_factor(Jet(of=children[0][0]), meta))

    def subscripts(self, meta: Any, children: list[Token]) -> Operator:
        """Take `u_xx`."""
        self._note("`u_x` written dx(u)")
        return self._jet(children[0][0], children[0][2:].strip("{}"), meta)

    def leibniz(self, meta: Any, children: list[Token]) -> Operator:
        """Take `d^2u/dx^2`.

        Raises:
            UserError: the orders above and below the bar differ.
        """
        self._note("`du/dx` written dx(u)")
        return self._jet(children[0].split("/")[0][-1], self._by(children[0], meta), meta)

    def derivative(self, meta: Any, children: list[Any]) -> Operator:
        """Take `dxx( )` of anything: products and sums are written out."""
        return self._derivative(children[1], re.sub(r"[d\u2202_]", "", children[0]), meta)

    def operator(self, meta: Any, children: list[Any]) -> Operator:
        """Take `d/dx( )` of anything."""
        self._note("`d/dx(u^2)` written dx(u^2)")
        return self._derivative(children[1], self._by(children[0], meta), meta)

    def derived(self, meta: Any, children: list[Any]) -> Operator:
        """Take `( )_x`."""
        self._note("`(u^2)_x` written dx(u^2)")
        return self._derivative(children[0], children[1][1:].strip("{}"), meta)

    def _by(self, quotient: str, meta: Any) -> str:
        """Return the variables of `d^2u/dx^2`.

        Raises:
            UserError: the orders above and below the bar differ.
        """
        above, below = quotient.split("/")
        upper = [_order(found) for found in re.findall(r"\d|[²³⁴-⁹]", above)]
        parts = _UPPER.findall(below.replace("d", " ").replace("\u2202", " "))
        by = "".join(name * (_order(count) if count else 1) for name, count in parts)
        if (upper[0] if upper else 1) != len(by):
            said = f"{quotient}: the order above the bar is {upper[0] if upper else 1}, below it"
            raise self._error(meta, f"{said} {len(by)}: make them equal")
        return by

    def _derivative(self, inner: Operator, by: str, meta: Any) -> Operator:
        if inner in (one_factor(Jet(of="u")), one_factor(Jet(of="v"))):
            return self._jet(str(inner[0].factors[0].text), by, meta)
        try:
            result = derivative(inner, by, self._known)
        except NoDerivative as error:
            raise self._error(
                meta, f"the derivative of {error.text} by {by[0]} has no word in this grammar"
            ) from None
        for term in result:
            for factor in term.factors:
                self._known_factor(factor, meta)
        if not any(isinstance(factor, PowerJet) for term in result for factor in term.factors):
            self._note("derivatives of sums and products written out")
        return result

    def function(self, meta: Any, children: list[Any]) -> Operator:
        """Take sin(u).

        Raises:
            UserError: the function of something else, or one that the grammar lacks.
        """
        name, inner = children
        of = inner[0].factors[0] if inner[0].factors else None
        if not isinstance(of, Jet) or of.by or inner != one_factor(of):
            raise self._error(meta, f"{name}( ) of more than u alone has no word in this grammar")
        return one_factor(self._known_factor(Function(name=str(name), of=of.of), meta))

    def group(self, meta: Any, children: list[Operator]) -> Operator:
        """Take what stands in parentheses."""
        return children[0]

    def power(self, meta: Any, children: list[Any]) -> Operator:
        """Take `u^2`, `u**2`."""
        base, sign, exponent = children
        return self._power(base, sign, int(exponent), meta)

    def superscript(self, meta: Any, children: list[Any]) -> Operator:
        """Take a power in small digits."""
        return self._power(children[0], children[1], _SUPERSCRIPTS[children[1]], meta)

    def _power(self, base: Operator, sign: str, exponent: int, meta: Any) -> Operator:
        if not 1 <= exponent <= _LARGEST_POWER:
            raise self._error(meta, f"the power {exponent}: whole numbers from 1 to 9 are read")
        if sign == "**" or sign in _SUPERSCRIPTS:
            self._note(f"`u{sign if sign in _SUPERSCRIPTS else '**2'}` written with ^")
        if len(base) > 1:
            self._note("parentheses written out")
        return power(base, exponent)

    def _multiplied(self, left: Operator, right: Operator) -> Operator:
        if len(left) > 1 or len(right) > 1:
            self._note("parentheses written out")
        return product(left, right)

    def _divided(self, left: Operator, by: Token) -> Operator:
        self._note("divisions carried out")
        number = self._number(by)
        if not number:
            raise column_error(self._where, by.start_pos or 0, f"a division by {by}")
        quotients = [term.coefficient / number for term in left]
        pairs = zip(quotients, left, strict=True)
        if any(quotient * number != term.coefficient for quotient, term in pairs):
            said = f"/{by} is no decimal number that ends: write the coefficient as one"
            raise column_error(self._where, by.start_pos or 0, said)
        return tuple(
            Term(coefficient=quotient, factors=term.factors)
            for quotient, term in zip(quotients, left, strict=True)
        )

    def _number(self, token: Token) -> Decimal:
        number = Decimal(str(token))
        if "e" in token.lower() or token[0] == "." or token[-1] == ".":
            self._note("numbers as `1e-3` and `.5` written out")
        written = format(number, "f")
        if len(written) > _LONGEST_NUMBER:
            said = f"{token} takes {len(written)} characters written out, at most 24 are read"
            raise column_error(self._where, token.start_pos or 0, said)
        return Decimal(written.rstrip("."))

    def _jet(self, of: str, by: str, meta: Any) -> Operator:
        return one_factor(self._known_factor(Jet(of=of, by=in_order(by)), meta))

    def _known_factor(self, factor: Factor, meta: Any) -> Factor:
        if factor.text not in self._known:
            kind = "d" if factor.text.startswith("d") else ""
            found = sorted(one for one in self._known if one.startswith("d") == bool(kind))
            raise self._error(meta, f"the grammar has no {factor.text}; it has {', '.join(found)}")
        return factor

    def _error(self, meta: Any, said: str) -> UserError:
        return column_error(self._where, meta.start_pos, said)

    def _note(self, said: str) -> None:
        self.notations[said] += 1


def _order(count: str) -> int:
    return _SUPERSCRIPTS.get(count) or int(count)
