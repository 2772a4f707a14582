"""What token accuracy is worth: how many steps are right without knowing anything of the row.

A step is easy where the grammar forces it, or where one production is the usual one. A model that
has learnt nothing of its latent reaches these figures too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.grammar_vae.coefficients import digit_productions, has_numbers
from models.grammar_vae.data import DerivationDataset


@dataclass(frozen=True, kw_only=True)
class TokenBaselines:
    """Shares of the real steps of some rows.

    Attributes:
        forced: only one production is possible.
        most_frequent: the production that training rows take most often at that step, for that
            nonterminal, is the right one.
        digits_wrong: all steps but the digits of numbers; None where texts hold no numbers.
    """

    forced: float
    most_frequent: float
    digits_wrong: float | None


def token_baselines(dataset: DerivationDataset, rows: NDArray[np.integer]) -> TokenBaselines:
    """Return the baselines for the given rows (n,) of a data set, from its training rows."""
    ids = dataset.ids[rows]
    real = ids >= 0
    nonterminals = dataset.left_sides[ids]
    choices = dataset.table.sum(axis=1)
    usual = _usual_productions(dataset)  # (time, nonterminals)
    guesses = usual[np.arange(ids.shape[1]), nonterminals]
    grammar = dataset.grammar
    digits_wrong = None
    if grammar is not None and has_numbers(grammar):
        digits_wrong = float(1 - digit_productions(grammar)[ids][real].mean())
    return TokenBaselines(
        forced=float((choices[nonterminals] == 1)[real].mean()),
        most_frequent=float((guesses == ids)[real].mean()),
        digits_wrong=digits_wrong,
    )


def _usual_productions(dataset: DerivationDataset) -> NDArray[np.int64]:
    """Return the most frequent production by step and nonterminal, (time, nonterminals).

    Where training rows never have that nonterminal at that step, it is the most frequent one of
    all steps.
    """
    ids = dataset.ids[dataset.train]
    num_steps, num_productions = ids.shape[1], dataset.num_productions
    counts = np.zeros((num_steps, num_productions), dtype=np.int64)
    steps, real = np.broadcast_to(np.arange(num_steps), ids.shape), ids >= 0
    np.add.at(counts, (steps[real], ids[real]), 1)
    usual = np.zeros((num_steps, len(dataset.table)), dtype=np.int64)
    for nonterminal, allowed in enumerate(dataset.table):
        own = np.where(allowed, counts, -1)
        everywhere = np.where(allowed, counts.sum(axis=0), -1).argmax()
        usual[:, nonterminal] = np.where(own.max(axis=1) > 0, own.argmax(axis=1), everywhere)
    return usual
