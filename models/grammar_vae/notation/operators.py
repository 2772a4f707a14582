"""Differential operators as sums of products, and what can be done to them exactly.

A factor is a derivative of the unknown (a jet: u itself has order 0), a derivative of a power of
it that a grammar writes as one symbol, or a sine. Coefficients are decimal numbers, so that nothing
is rounded.
"""

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass
from decimal import Decimal

MAX_TERMS = 200
"""A sum of more is a slip, or takes more steps than any model has."""
_ORDER = "txyz"
_DERIVATIVES = {"sin": (1, "cos"), "cos": (-1, "sin"), "exp": (1, "exp")}


@dataclass(frozen=True, kw_only=True)
class Jet:
    """A derivative of an unknown; `by` are variables in the order t, x, y, z, none for itself."""

    of: str = "u"
    by: str = ""

    @property
    def text(self) -> str:
        """As the grammar writes it."""
        return f"d{self.by}({self.of})" if self.by else self.of


@dataclass(frozen=True, kw_only=True)
class PowerJet:
    """A derivative of a power that is one symbol of the grammar, as `dxx(u^3)`."""

    of: str
    by: str
    power: int

    @property
    def text(self) -> str:
        """As the grammar writes it."""
        return f"d{self.by}({self.of}^{self.power})"


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function of an unknown, as `sin(u)`."""

    name: str
    of: str

    @property
    def text(self) -> str:
        """As the grammar writes it."""
        return f"{self.name}({self.of})"


Factor = Jet | PowerJet | Function


@dataclass(frozen=True, kw_only=True)
class Term:
    """A product: a number and factors in their order."""

    coefficient: Decimal
    factors: tuple[Factor, ...] = ()


Operator = tuple[Term, ...]


class NoDerivative(ValueError):
    """A derivative that the factors cannot express; `text` says of what."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class TooLong(ValueError):
    """More terms than anybody writes down: a power of a power of a sum, say."""


def constant(number: Decimal) -> Operator:
    """Return a number."""
    return (Term(coefficient=number),)


def one_factor(factor: Factor) -> Operator:
    """Return a factor as an operator."""
    return (Term(coefficient=Decimal(1), factors=(factor,)),)


def scaled(operator: Operator, number: Decimal) -> Operator:
    """Return a multiple."""
    return tuple(
        Term(coefficient=term.coefficient * number, factors=term.factors) for term in operator
    )


def product(left: Operator, right: Operator) -> Operator:
    """Return the product, written out.

    Raises:
        TooLong: it has too many terms.
    """
    return like_terms_added(
        Term(coefficient=a.coefficient * b.coefficient, factors=a.factors + b.factors)
        for a in left
        for b in right
    )


def power(operator: Operator, exponent: int) -> Operator:
    """Return a power, written out.

    Raises:
        TooLong: it has too many terms.
    """
    result = constant(Decimal(1))
    for _ in range(exponent):
        result = product(result, operator)
    return result


def derivative(operator: Operator, by: str, known: Container[str] = ()) -> Operator:
    """Return the derivative by the given variables, by the rule for products.

    Args:
        operator: of what.
        by: variables, as `xx`.
        known: the symbols of the grammar: a derivative of a power that is one of them stays.

    Raises:
        NoDerivative: a factor has none that could be written.
        TooLong: it has too many terms.
    """
    parts = [part for term in operator for part in _derivative_of_term(term, in_order(by), known)]
    return like_terms_added(parts)


def like_terms_added(terms: Iterable[Term]) -> Operator:
    """Return the terms with those that differ in their coefficients only made one.

    Raises:
        TooLong: there are too many.
    """
    sums: dict[tuple[tuple[Factor, int], ...], Term] = {}
    for term in terms:
        key = tuple(sorted(Counter(term.factors).items(), key=lambda item: item[0].text))
        known = sums.get(key)
        if known is not None:
            term = Term(  # noqa: PLW2901  (the first one's order of factors stays)
                coefficient=known.coefficient + term.coefficient, factors=known.factors
            )
        sums[key] = term
        if len(sums) > MAX_TERMS:
            raise TooLong
    return tuple(term for term in sums.values() if term.coefficient)


def in_order(by: str) -> str:
    """Return variables in the order in which derivatives are written: they commute."""
    return "".join(sorted(by, key=_ORDER.index))


def _derivative_of_term(term: Term, by: str, known: Container[str]) -> Operator:
    of = term.factors[0] if len(term.factors) > 1 else None
    if isinstance(of, Jet) and not of.by and set(term.factors) == {of}:
        kept = PowerJet(of=of.of, by=by, power=len(term.factors))
        if kept.text in known:
            return (Term(coefficient=term.coefficient, factors=(kept,)),)
    operator: Operator = (term,)
    for variable in by:
        rule = [part for one in operator for part in _product_rule(one, variable)]
        operator = like_terms_added(rule)
    return operator


def _product_rule(term: Term, variable: str) -> list[Term]:
    found = []
    for place, factor in enumerate(term.factors):
        sign, changed = _changed(factor, variable)
        factors = (*term.factors[:place], *changed, *term.factors[place + 1 :])
        found.append(Term(coefficient=sign * term.coefficient, factors=factors))
    return found


def _changed(factor: Factor, variable: str) -> tuple[int, tuple[Factor, ...]]:
    """Return the derivative of one factor: a sign and factors."""
    if isinstance(factor, Jet):
        return 1, (Jet(of=factor.of, by=in_order(factor.by + variable)),)
    if isinstance(factor, Function):
        sign, name = _DERIVATIVES[factor.name]
        return sign, (Function(name=name, of=factor.of), Jet(of=factor.of, by=variable))
    raise NoDerivative(factor.text)
