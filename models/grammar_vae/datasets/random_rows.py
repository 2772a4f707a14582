"""Rows drawn at random from a grammar, to stand beside those of a data set.

A network that has seen only a few families of rows has learned those; random rows teach it the
grammar. Their lengths are those of the given rows, and so are, on the whole, their productions.
"""

from collections.abc import Sequence

import numpy as np

from models.errors import UserError
from models.grammar.derivation import pad, to_text
from models.grammar.grammar import Grammar
from models.grammar.parsing import TextParser
from models.grammar.random_derivations import DerivationSampler, production_weights
from models.grammar_vae.datasets.tokenise import ROWS_A_REPORT
from models.training.contracts import ProgressCallback

SMOOTHING = 0.15
"""How far productions go from their shares in the rows towards equal ones, so that all occur."""
_ATTEMPTS_A_ROW = 50


def random_rows(
    texts: Sequence[str],
    grammar: Grammar,
    num_rows: int,
    seed: int,
    progress: ProgressCallback,
) -> list[str]:
    """Return texts of the grammar, distinct from each other and from those given.

    Args:
        texts: rows whose lengths and productions are followed.
        grammar: of the texts.
        num_rows: how many to draw.
        seed: of the draw.
        progress: told how far it is.

    Raises:
        UserError: the grammar has too few texts of these lengths.
    """
    parser, rng = TextParser(grammar), np.random.default_rng(seed)
    known = pad([parser.derive(text) for text in texts])
    lengths = (known >= 0).sum(1)
    sampler = DerivationSampler(
        grammar, production_weights(grammar, known, SMOOTHING), int(lengths.max())
    )
    seen, drawn = set(texts), dict[str, None]()
    for attempt in range(_ATTEMPTS_A_ROW * num_rows):
        if len(drawn) == num_rows:
            break
        if attempt % ROWS_A_REPORT == 0:
            progress("draw", len(drawn), num_rows)
        text = to_text(grammar, sampler.sample(int(rng.choice(lengths)), rng))
        # One text may have several derivations; the parser's is the one that counts.
        if text not in seen and len(parser.derive(text)) <= lengths.max():
            drawn[text] = None
    progress("draw", len(drawn), num_rows)
    if len(drawn) < num_rows:
        raise UserError(
            f"--random {num_rows}: only {len(drawn)} more rows of these lengths were found in the "
            f"grammar {grammar.name}: ask for fewer"
        )
    return list(drawn)
