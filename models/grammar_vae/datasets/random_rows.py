"""Rows drawn at random from a grammar, to stand beside those of a data set.

A network that has seen only a few families of rows has learned those; random rows teach it the
grammar. They look like the given rows in part: each is drawn with one of several weights, from
nearly those of the rows, where numbers stand and end as they do there, to nearly equal ones; half
of the lengths are those of rows, and half any.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.grammar.contexts import with_contexts
from models.grammar.derivation import pad, to_text
from models.grammar.grammar import Grammar
from models.grammar.parsing import TextParser
from models.grammar.random_derivations import DerivationSampler
from models.grammar_vae.datasets.tokenise import ROWS_A_REPORT
from models.training.contracts import ProgressCallback

SMOOTHINGS = (0.1, 0.3, 0.6, 1.0)
"""How far rows go from the weights of the given ones, equally often each; see `ContextGrammar`."""
NUM_ANCESTORS = 3
"""So many tell the third decimal, with which most numbers end, from the first two."""
NUM_FOLLOWED = 4000
"""Lengths and habits are read off so many rows at most."""
_ATTEMPTS_A_ROW = 50


def random_rows(
    texts: Sequence[str],
    grammar: Grammar,
    num_rows: int,
    seed: int,
    progress: ProgressCallback,
    *,
    longest: int | None = None,
) -> dict[str, list[int]]:
    """Return texts of the grammar with their derivations, distinct from each other and those given.

    Args:
        texts: rows whose lengths and productions are followed.
        grammar: of the texts.
        num_rows: how many to draw.
        seed: of the draw.
        progress: told how far it is.
        longest: the most productions that a row may take; None: as many as the longest given one.

    Raises:
        UserError: the grammar has too few texts of these lengths.
    """
    parser, rng = TextParser(grammar), np.random.default_rng(seed)
    followed = rng.permutation(len(texts))[:NUM_FOLLOWED]
    known = pad([parser.derive(texts[int(row)]) for row in followed])
    most = longest or known.shape[1]
    random_derivation = _RandomDerivations(grammar, known, rng, most)
    given = set(texts)
    drawn: dict[str, list[int]] = {}
    for attempt in range(_ATTEMPTS_A_ROW * num_rows):
        if len(drawn) == num_rows:
            break
        if attempt % ROWS_A_REPORT == 0:
            progress("draw", len(drawn), num_rows)
        text = to_text(grammar, random_derivation())
        if text in given or text in drawn:
            continue
        # One text may have several derivations; the parser's is the one that counts.
        derivation = parser.derive(text)
        if len(derivation) <= most:
            drawn[text] = derivation
    progress("draw", len(drawn), num_rows)
    if len(drawn) < num_rows:
        raise UserError(
            f"--random {num_rows}: only {len(drawn)} more rows of these lengths were found in the "
            f"grammar {grammar.name}: ask for fewer"
        )
    return drawn


class _RandomDerivations:
    """Draws derivations of a grammar, some of which look much like known ones, some hardly."""

    def __init__(
        self, grammar: Grammar, known: NDArray[np.integer], rng: np.random.Generator, longest: int
    ) -> None:
        contexts = with_contexts(grammar, known, NUM_ANCESTORS)
        self._origins = contexts.origins.tolist()
        self._samplers = [
            DerivationSampler(contexts.grammar, contexts.weights(smoothing), longest)
            for smoothing in SMOOTHINGS
        ]
        # With the last weights, under which nothing is impossible.
        self._possible = [n for n in range(longest + 1) if self._samplers[-1].can_have(n)]
        if not self._possible:
            raise UserError(
                f"the grammar {grammar.name} has no text of at most {longest} productions: "
                "allow longer ones"
            )
        lengths = (known >= 0).sum(1)
        self._lengths = (
            lengths[lengths <= longest] if (lengths <= longest).any() else self._possible
        )
        self._rng = rng

    def __call__(self) -> list[int]:
        """Return the production ids of one."""
        like_known = self._rng.random() < 0.5
        num_steps = int(self._rng.choice(self._lengths if like_known else self._possible))
        sampler = self._samplers[self._rng.integers(len(self._samplers))]
        return [self._origins[i] for i in sampler.sample(num_steps, self._rng)]
