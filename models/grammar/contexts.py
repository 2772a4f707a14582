"""A grammar whose nonterminals know where they stand: what opened them, and what opened that.

With one weight a production a number stands as often behind a derivative as before it, and has as
many decimals as chance has it. With weights that depend on the nearest ancestors random rows keep
such habits of the rows they follow (Johnson 1998, PCFG models of linguistic tree representations).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.grammar.grammar import Grammar
from models.grammar.random_derivations import production_weights
from models.grammar.symbols import Production

MIN_SHARE = 0.002
"""A context has weights of its own where so many of all steps are taken in it."""

_Place = tuple[int, int]  # a production and which symbol of its right-hand side
_Key = tuple[str, tuple[_Place, ...]]  # a nonterminal and its nearest ancestors


@dataclass(frozen=True, kw_only=True)
class ContextGrammar:
    """The same language as `original`, nonterminals split by their context.

    Attributes:
        original: the grammar.
        grammar: the split one.
        origins: (productions of `grammar`,), the id of each in `original`.
        counts: (productions of `grammar`,), how often the rows that it follows take each.
        rows: those rows, (rows, steps), padded with -1.
    """

    original: Grammar
    grammar: Grammar
    origins: NDArray[np.int64]
    counts: NDArray[np.int64]
    rows: NDArray[np.integer]

    def weights(self, smoothing: float) -> NDArray[np.float64]:
        """Return the probability of each production of `grammar`.

        Args:
            smoothing: from 0, as in the rows and their contexts, to 1, where contexts do not count
                and shares are halfway between those of the rows and equal ones.
        """
        anywhere = production_weights(self.original, self.rows, smoothing=0.5)[self.origins]
        left_sides = [one.lhs for one in self.grammar.productions]
        _, number = np.unique(left_sides, return_inverse=True)
        used = np.bincount(number, self.counts)[number]
        shares = np.where(used > 0, self.counts / np.maximum(used, 1), anywhere)
        return (1 - smoothing) * shares + smoothing * anywhere


def with_contexts(
    grammar: Grammar, rows: NDArray[np.integer], num_ancestors: int
) -> ContextGrammar:
    """Split the nonterminals of a grammar by the nearest ancestors that are common in rows.

    Args:
        grammar: the grammar.
        rows: derivations (rows, steps), padded with -1.
        num_ancestors: of how many ancestors a nonterminal knows at most.
    """
    steps = [*_steps(grammar, rows, num_ancestors)]
    common = _common(steps, num_ancestors)
    keys: dict[_Key, str] = {(grammar.start, ()): grammar.start}
    pending = [*keys]
    productions: list[Production] = []
    origins: list[tuple[_Key, int]] = []
    for key in pending:  # grows while it is gone through
        for number, production in enumerate(grammar.productions):
            if production.lhs != key[0]:
                continue
            symbols = list(production.rhs)
            for place, symbol in enumerate(symbols):
                if symbol.is_terminal:
                    continue
                context = ((number, place), *key[1])[:num_ancestors]
                child = _longest(symbol.text, context, common)
                if child not in keys:
                    keys[child] = f"{symbol.text}.{len(keys)}"
                    pending.append(child)
                symbols[place] = replace(symbol, text=keys[child])
            productions.append(Production(lhs=keys[key], rhs=tuple(symbols)))
            origins.append((key, number))
    found = Counter((_longest(*key, common), production) for key, production in steps)
    split = replace(grammar, productions=tuple(productions), spaced=(), pad_production=None)
    return ContextGrammar(
        original=grammar,
        grammar=split,
        origins=np.array([number for _, number in origins]),
        counts=np.array([found[each] for each in origins]),
        rows=rows,
    )


def _steps(
    grammar: Grammar, rows: NDArray[np.integer], num_ancestors: int
) -> Iterator[tuple[_Key, int]]:
    """Give each step of the rows: the nonterminal with its ancestors, and the production."""
    places = [
        [
            (symbol.text, (number, place))
            for place, symbol in enumerate(production.rhs)
            if not symbol.is_terminal
        ]
        for number, production in enumerate(grammar.productions)
    ]
    for row in rows:
        open_symbols: list[_Key] = [(grammar.start, ())]
        for production in row[row >= 0].tolist():
            key = open_symbols.pop()
            yield key, production
            open_symbols += [
                (name, (place, *key[1])[:num_ancestors])
                for name, place in reversed(places[production])
            ]


def _common(steps: list[tuple[_Key, int]], num_ancestors: int) -> set[_Key]:
    """Return the nonterminals with contexts of any length in which enough steps are taken."""
    counts = Counter(
        (name, context[:length])
        for (name, context), _ in steps
        for length in range(1, num_ancestors + 1)
        if length <= len(context)
    )
    return {key for key, count in counts.items() if count >= MIN_SHARE * len(steps)}


def _longest(name: str, context: tuple[_Place, ...], common: set[_Key]) -> _Key:
    """Return a nonterminal with as much of its context as is common; none of it is always."""
    while context and (name, context) not in common:
        context = context[:-1]
    return name, context
