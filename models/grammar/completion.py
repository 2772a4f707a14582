"""How many steps each nonterminal needs at least before nothing of it is left open."""

from collections.abc import Mapping, Sequence

from models.grammar.symbols import Production


def minimum_steps(productions: Sequence[Production]) -> Mapping[str, int]:
    """Return the fewest derivation steps that turn each nonterminal into terminals only.

    The least fixed point of `steps(A) = 1 + min over A -> w of the sum of steps over w's
    nonterminals`. A nonterminal that can never be completed is not in the result.
    """
    steps: dict[str, int] = {}
    changed = True
    while changed:
        changed = False
        for production in productions:
            total = completion_steps(production, steps)
            if total is not None and total + 1 < steps.get(production.lhs, total + 2):
                steps[production.lhs] = total + 1
                changed = True
    return steps


def completion_steps(production: Production, steps: Mapping[str, int]) -> int | None:
    """Return the fewest steps still needed after `production`, or None if it cannot complete."""
    total = 0
    for name in production.nonterminals:
        if name not in steps:
            return None
        total += steps[name]
    return total
