"""Writes PDEs in any of the notations that people use as the grammar `pde` has them.

    rewriter = Rewriter(load_grammar("pde"))
    rewriter.rewrite("u_t = 1e-3 u_xx + u(1 - u)")      # dt(u) - 0.001*dxx(u) - u + u^2

A text that is of the grammar as it stands is left alone. What is rewritten means the same: an
operator is said to be 0, so its terms may change sides, order and, all together, sign.
"""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from typing import Literal

from models.errors import UserError
from models.grammar.grammar import Grammar
from models.grammar.parsing import TextParser
from models.grammar_vae.notation.operators import Factor, Jet, Operator, Term, scaled
from models.grammar_vae.notation.reading import read_operator

Notation = Literal["strict", "loose"]
"""Texts as the grammar has them, or PDEs as people write them."""

_ATOM = "ATOM"
_POWER = "POW"
_SQUARED = "(dx(u))^2"
"""A symbol of its own in the grammar."""


def is_of_pdes(grammar: Grammar) -> bool:
    """Return whether a grammar describes PDEs, which can be rewritten in it."""
    return _atoms(grammar) >= {"u", "dt(u)", "dx(u)"}


class Rewriter:
    """Rewrites texts, and counts what it rewrote.

    Args:
        grammar: the grammar to write in.

    Raises:
        UserError: the grammar is none of PDEs.

    Attributes:
        counts: by notation in how many texts it was met.
    """

    def __init__(self, grammar: Grammar) -> None:
        self._known = _atoms(grammar)
        if not is_of_pdes(grammar):
            raise UserError(
                f"the notation `loose` is for PDEs, which the grammar {grammar.name} does not "
                "describe: leave it out"
            )
        self._highest_power = max(
            int(production.rhs[0].text)
            for production in grammar.productions
            if production.lhs == _POWER
        )
        self._parser = TextParser(grammar)
        self.counts: Counter[str] = Counter()

    def rewrite(self, text: str, where: str = "") -> str:
        """Return a text in the grammar.

        Args:
            text: a PDE in any notation.
            where: its place, for messages.

        Raises:
            UserError: it cannot be read, says nothing, or holds what the grammar has no word for.
        """
        if self._is_known(text):
            return text
        operator, notations = read_operator(text, self._known, where)
        notes = set(notations)
        operator = _positive_first([term for term in operator if term.coefficient], notes)
        if not operator:
            place = f"{where}: " if where else ""
            raise UserError(f"{place}{text!r} says 0 = 0: nothing is left of it")
        self.counts.update(sorted(notes))
        rewritten = _written(operator, self._highest_power)
        self._parser.derive(rewritten, where)
        return rewritten

    def notes(self) -> list[str]:
        """Return a line for each notation that was met."""
        return [
            f"{said} ({count:,} {'text' if count == 1 else 'texts'})"
            for said, count in sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        ]

    def _is_known(self, text: str) -> bool:
        try:
            self._parser.derive(text)
        except UserError:
            return False
        return True


def _atoms(grammar: Grammar) -> frozenset[str]:
    """Return the derivatives and functions that a grammar has words for."""
    return frozenset(
        "".join(symbol.text for symbol in production.rhs)
        for production in grammar.productions
        if production.lhs == _ATOM and all(symbol.is_terminal for symbol in production.rhs)
    )


def _positive_first(terms: Sequence[Term], notes: set[str]) -> Operator:
    """Bring a term with a plus to the front, as the grammar has no sign there."""
    if not terms or terms[0].coefficient > 0:
        return tuple(terms)
    first = next((place for place, term in enumerate(terms) if term.coefficient > 0), None)
    if first is None:
        notes.add("all signs turned, as no term had a plus")
        return scaled(tuple(terms), Decimal(-1))
    notes.add("a term with a plus brought to the front")
    return (terms[first], *terms[:first], *terms[first + 1 :])


def _written(operator: Operator, highest_power: int) -> str:
    parts = []
    for place, term in enumerate(operator):
        sign = "-" if term.coefficient < 0 else "+"
        words = _term(term, highest_power)
        parts.append(f" {sign} {words}" if place else words)
    return "".join(parts)


def _term(term: Term, highest_power: int) -> str:
    number = abs(term.coefficient)
    # u comes before its derivatives, as in the families that models are trained on.
    factors = sorted(
        term.factors, key=lambda factor: not (isinstance(factor, Jet) and not factor.by)
    )
    words = [
        word
        for factor, same in groupby(factors)
        for word in _powers(factor, len([*same]), highest_power)
    ]
    if number != 1 or not words:
        words.insert(0, format(number, "f"))
    return "*".join(words)


def _powers(factor: Factor, count: int, highest: int) -> list[str]:
    """Return a power in the grammar's words."""
    words = []
    while count:
        exponent = min(count, highest)
        count -= exponent
        if exponent == 1:
            words.append(factor.text)
        elif exponent == 2 and factor == Jet(by="x"):
            words.append(_SQUARED)
        else:
            words.append(f"{factor.text}^{exponent}")
    return words
