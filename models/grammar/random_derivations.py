"""Random derivations of a given length, drawn exactly from a weighted grammar.

A context-free grammar whose productions have probabilities gives every derivation one. Conditioned
on the number of steps it is drawn without rejection: how likely a nonterminal has a derivation of
n steps is computed once for all n, and each choice is weighed by it (Hickey and Cohen 1983, Uniform
random generation of strings in a context-free language).

    weights = production_weights(grammar, rows, smoothing=0.1)
    sampler = DerivationSampler(grammar, weights, longest=97)
    sampler.sample(45, np.random.default_rng(0))
"""

from collections.abc import Sequence

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
        self._mass = self._masses()
        # Of each production, of its symbols from each place on: how likely they have n steps.
        self._joints = {
            i: [
                _joint(one.nonterminals[place:], self._mass, longest)
                for place in range(len(one.nonterminals) + 1)
            ]
            for i, one in enumerate(grammar.productions)
        }

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
            production = self._draw_production(nonterminal, steps, rng)
            derivation.append(production)
            children = self._grammar.productions[production].nonterminals
            parts = self._draw_parts(production, steps - 1, rng)
            open_symbols += reversed([*zip(children, parts, strict=True)])
        return derivation

    def _masses(self) -> dict[str, NDArray[np.float64]]:
        """Return for each nonterminal the probability of each number of steps, (longest + 1,)."""
        mass = {name: np.zeros(self._longest + 1) for name in self._grammar.nonterminals}
        for steps in range(1, self._longest + 1):
            for name, ids in self._ids.items():
                mass[name][steps] = sum(
                    self._weights[i]
                    * _joint(self._grammar.productions[i].nonterminals, mass, steps - 1)[steps - 1]
                    for i in ids
                )
        return mass

    def _draw_production(self, nonterminal: str, steps: int, rng: np.random.Generator) -> int:
        ids = self._ids[nonterminal]
        chances = [self._weights[i] * self._joints[i][0][steps - 1] for i in ids]
        return ids[_draw(chances, rng)]

    def _draw_parts(self, production: int, steps: int, rng: np.random.Generator) -> list[int]:
        """Share steps out among the symbols of a right-hand side."""
        parts = []
        for place, child in enumerate(self._grammar.productions[production].nonterminals):
            rest = self._joints[production][place + 1]
            chances = self._mass[child][: steps + 1] * rest[steps::-1]
            parts.append(_draw(chances, rng))
            steps -= parts[-1]
        return parts


def _joint(
    children: Sequence[str], mass: dict[str, NDArray[np.float64]], steps: int
) -> NDArray[np.float64]:
    """Return the probability that symbols have so many steps together, (steps + 1,)."""
    result = np.zeros(steps + 1)
    result[0] = 1.0
    for child in children:
        result = np.convolve(result, mass[child][: steps + 1])[: steps + 1]
    return result


def _draw(chances: Sequence[float] | NDArray[np.float64], rng: np.random.Generator) -> int:
    totals = np.cumsum(chances)
    return int(np.searchsorted(totals, rng.random() * totals[-1], side="right"))
