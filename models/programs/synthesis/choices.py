"""Programs of several returns: which expression for which examples, told apart by conditions.

Expressions that are right on some of the examples are joined by conditions on which the others are
returned, as in EUSolver (Alur et al. 2017, Scaling Enumerative Program Synthesis via Divide and
Conquer, section 4), but for all sets of examples at once, by dynamic programming: the cheapest
choice for each set, first with none, then with one, two and three conditions. A loop that returns
early is a condition, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_EXAMPLES = 10
"""Examples that choices are made for: there are two to the power of them sets."""

_DEPTH = 3
_ALONE = 10
"""Cost of an expression that is there for one example alone."""
_NEVER = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What to return on some examples: an expression, or after a condition or a loop.

    Args:
        returned: bits of the examples on which the expression returned is right.
        condition: bits of the examples on which the condition of an `if` holds.
        loop: bits of the examples on which a loop returns.
        then: what is returned where the condition holds.
        otherwise: what is returned else.
    """

    returned: int | None = None
    condition: int | None = None
    loop: int | None = None
    then: "Choice | None" = None
    otherwise: "Choice | None" = None


def cheapest_choice(
    num_examples: int,
    returned: Mapping[int, int],
    conditions: Mapping[int, int],
    loops: Mapping[int, int],
) -> tuple[int, Choice] | None:
    """Return the cheapest program of its kind that is right on all examples, with its cost.

    Args:
        num_examples: at most MAX_EXAMPLES.
        returned: cost of returning an expression, by bits of the examples on which it is right.
        conditions: cost of an `if`, by bits of the examples on which its condition holds.
        loops: cost of a loop that returns early, by bits of the examples on which it does.
    """
    sets = np.arange(1 << num_examples)
    rows = [_returned_costs(num_examples, returned)]
    for _ in range(_DEPTH):
        rows.append(_split(sets, rows[-1], conditions, loops))
    whole = len(sets) - 1
    if rows[-1][whole] >= _NEVER:
        return None
    return int(rows[-1][whole]), _read(whole, rows, returned, conditions, loops)


def _returned_costs(num_examples: int, returned: Mapping[int, int]) -> NDArray[np.int64]:
    """Return the cheapest expression that is right on each set of examples, or on more."""
    costs = np.full(1 << num_examples, _NEVER, np.int64)
    for bits, cost in returned.items():
        costs[bits] = min(costs[bits], cost)
    for bit in range(num_examples):
        without = [s for s in range(1 << num_examples) if not s >> bit & 1]
        more = np.array(without) | 1 << bit
        costs[without] = np.minimum(costs[without], costs[more])
    if num_examples > 1:
        costs[[1 << bit for bit in range(num_examples)]] += _ALONE
    return costs


def _split(
    sets: NDArray[np.int64],
    costs: NDArray[np.int64],
    conditions: Mapping[int, int],
    loops: Mapping[int, int],
) -> NDArray[np.int64]:
    best = costs.copy()
    for bits, cost in conditions.items():
        best = np.minimum(best, costs[sets & bits] + costs[sets & ~bits] + cost)
    for bits, cost in loops.items():
        best = np.minimum(best, costs[sets & ~bits] + cost)
    return np.minimum(best, _NEVER)


def _read(
    chosen: int,
    rows: list[NDArray[np.int64]],
    returned: Mapping[int, int],
    conditions: Mapping[int, int],
    loops: Mapping[int, int],
) -> Choice:
    """Return the choice that a cost stands for."""
    *before, costs = rows
    cost = costs[chosen]
    if not before or before[-1][chosen] == cost:
        if before:
            return _read(chosen, before, returned, conditions, loops)
        fits = {bits: own for bits, own in returned.items() if chosen & ~bits == 0}
        return Choice(returned=min(fits, key=lambda bits: (fits[bits], bits)))
    last = before[-1]
    for bits, own in loops.items():
        if last[chosen & ~bits] + own == cost:
            rest = _read(chosen & ~bits, before, returned, conditions, loops)
            return Choice(loop=bits, otherwise=rest)
    for bits, own in conditions.items():
        if last[chosen & bits] + last[chosen & ~bits] + own == cost:
            then = _read(chosen & bits, before, returned, conditions, loops)
            rest = _read(chosen & ~bits, before, returned, conditions, loops)
            return Choice(condition=bits, then=then, otherwise=rest)
    raise AssertionError("every cost stands for a choice")
