"""Random derivations of a given length, drawn exactly from a weighted grammar.

A context-free grammar whose productions have probabilities gives every derivation one. Conditioned
on the number of steps it is drawn without rejection: how likely a nonterminal has a derivation of
n steps is computed once for all n, and each choice is weighed by it (Hickey and Cohen 1983, Uniform
random generation of strings in a context-free language).

    weights = production_weights(grammar, rows, smoothing=0.1)
    sampler = DerivationSampler(grammar, weights, longest=97)
    sampler.sample(45, np.random.default_rng(0))
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.grammar.grammar import Grammar


def production_weights(
    grammar: Grammar, rows: NDArray[np.integer], smoothing: float
) -> NDArray[np.float64]:
    """Return the probability of each production, (productions,), as some rows use it.

    Args:
        grammar: of the rows.
        rows: derivations (rows, steps), padded with -1.
        smoothing: from 0, as in the rows, to 1, where all productions of a nonterminal are equal.
    """
    counts = np.bincount(rows[rows >= 0].ravel(), minlength=grammar.num_productions).astype(float)
    weights = np.zeros(grammar.num_productions)
    for nonterminal in grammar.nonterminals:
        ids = [i for i, one in enumerate(grammar.productions) if one.lhs == nonterminal]
        if ids == [grammar.pad_production]:
            continue
        used, equal = counts[ids].sum(), np.full(len(ids), 1 / len(ids))
        shares = counts[ids] / used if used else equal
        weights[ids] = (1 - smoothing) * shares + smoothing * equal
    return weights


class DerivationSampler:
    """Draws derivations of a weighted grammar.

    Args:
        grammar: the grammar.
        weights: of each production, (productions,); none below 0.
        longest: the most steps that a derivation may have.
    """

    def __init__(self, grammar: Grammar, weights: NDArray[np.floating], longest: int) -> None:
        self._grammar = grammar
        self._weights = np.asarray(weights, np.float64)
        self._longest = longest
        self._ids = {
            nonterminal: [
                i
                for i, one in enumerate(grammar.productions)
                if one.lhs == nonterminal and self._weights[i] > 0
            ]
            for nonterminal in grammar.nonterminals
        }
        self._children = [one.nonterminals for one in grammar.productions]
        self._mass = self._masses()
        # How likely choices are, as far as they were asked for: the same come again and again.
        self._totals: dict[tuple[Any, ...], list[float]] = {}

    def can_have(self, num_steps: int) -> bool:
        """Return whether there is a derivation of so many steps."""
        return 0 < num_steps <= self._longest and self._mass[self._grammar.start][num_steps] > 0

    def sample(self, num_steps: int, rng: np.random.Generator) -> list[int]:
        """Return the production ids of one derivation, left-most first.

        Raises:
            UserError: there is none of so many steps.
        """
        if not self.can_have(num_steps):
            raise UserError(
                f"the grammar {self._grammar.name} has no derivation of {num_steps} steps "
                f"(looked for up to {self._longest})"
            )
        derivation: list[int] = []
        open_symbols = [(self._grammar.start, num_steps)]
        while open_symbols:
            nonterminal, steps = open_symbols.pop()
            choice = _draw(self._production_totals(nonterminal, steps), rng)
            production = self._ids[nonterminal][choice]
            derivation.append(production)
            children = self._children[production]
            open_symbols += reversed(
                [*zip(children, self._parts(production, steps - 1, rng), strict=True)]
            )
        return derivation

    def _masses(self) -> dict[str, NDArray[np.float64]]:
        """Return for each nonterminal the probability of each number of steps, (longest + 1,)."""
        mass = {name: np.zeros(self._longest + 1) for name in self._grammar.nonterminals}
        weights = {name: self._weights_by_children(ids) for name, ids in self._ids.items()}
        for steps in range(1, self._longest + 1):
            for name, alike in weights.items():
                mass[name][steps] = sum(
                    weight * _joint_at(children, mass, steps - 1)
                    for children, weight in alike.items()
                )
        return mass

    def _weights_by_children(self, ids: Sequence[int]) -> dict[tuple[str, ...], float]:
        """Return the weights of productions by what they open: hundreds may open nothing."""
        weights: dict[tuple[str, ...], float] = defaultdict(float)
        for i in ids:
            weights[self._children[i]] += self._weights[i]
        return weights

    def _parts(self, production: int, steps: int, rng: np.random.Generator) -> list[int]:
        """Share steps out among the symbols of a right-hand side."""
        parts: list[int] = []
        for place in range(len(self._children[production])):
            parts.append(_draw(self._part_totals(production, place, steps), rng))
            steps -= parts[-1]
        return parts

    def _production_totals(self, nonterminal: str, steps: int) -> list[float]:
        """Return the running totals of how likely each production is, of so many steps."""
        key = (nonterminal, steps)
        if key not in self._totals:
            chances = [
                self._weights[i] * _joint_at(self._children[i], self._mass, steps - 1)
                for i in self._ids[nonterminal]
            ]
            self._totals[key] = np.cumsum(chances).tolist()
        return self._totals[key]

    def _part_totals(self, production: int, place: int, steps: int) -> list[float]:
        """Return those of how many steps the symbol at a place has, of so many from there on."""
        key = (production, place, steps)
        if key not in self._totals:
            children = self._children[production][place:]
            rest = _joint(children[1:], self._mass, steps)
            self._totals[key] = np.cumsum(
                self._mass[children[0]][: steps + 1] * rest[::-1]
            ).tolist()
        return self._totals[key]


def _joint(
    children: Sequence[str], mass: dict[str, NDArray[np.float64]], steps: int
) -> NDArray[np.float64]:
    """Return the probability that symbols have 0 to so many steps together, (steps + 1,)."""
    result = np.zeros(steps + 1)
    result[0] = 1.0
    for number, child in enumerate(children):
        own = mass[child][: steps + 1]
        result = own if number == 0 else np.convolve(result, own)[: steps + 1]
    return result


def _joint_at(children: Sequence[str], mass: dict[str, NDArray[np.float64]], steps: int) -> float:
    """Return the probability that symbols have just so many steps together."""
    if not children:
        return float(steps == 0)
    before = _joint(children[:-1], mass, steps)
    return float(before @ mass[children[-1]][steps::-1])


def _draw(totals: list[float], rng: np.random.Generator) -> int:
    return bisect_right(totals, rng.random() * totals[-1])
