"""Text to padded derivations, with every row that is outside the grammar reported."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from models.errors import UserError
from models.grammar.derivation import pad
from models.grammar.grammar import Grammar
from models.grammar.parsing import TextParser
from models.grammar_vae.notation.rewriting import Rewriter
from models.training.contracts import ProgressCallback

T = TypeVar("T")

MAX_SHOWN = 10
ROWS_A_REPORT = 500


def derive_rows(
    texts: Sequence[str],
    grammar: Grammar,
    where: Callable[[int], str],
    progress: ProgressCallback,
    *,
    remedies: Sequence[str] = (),
) -> np.ndarray:
    """Return the derivations of `texts`, int16 `(rows, steps)`, padded with -1.

    Args:
        texts: One string of the grammar each.
        grammar: The grammar they are in.
        where: Names the place of a row, for messages.
        progress: Is told how far it is.
        remedies: What else to try than mending rows or another grammar, each with an "or".

    Raises:
        UserError: Rows are outside the grammar; all are counted and the first 10 shown.
    """
    parser = TextParser(grammar)
    return pad(_each_row(texts, parser.derive, grammar.name, where, progress, remedies=remedies))


def rewrite_rows(
    texts: Sequence[str],
    rewriter: Rewriter,
    grammar: Grammar,
    where: Callable[[int], str],
    progress: ProgressCallback,
    *,
    remedies: Sequence[str] = (),
) -> list[str]:
    """Return texts in any notation as the grammar has them; takes what `derive_rows` does.

    Raises:
        UserError: rows cannot be read; all are counted and the first 10 shown.
    """
    return _each_row(texts, rewriter.rewrite, grammar.name, where, progress, remedies=remedies)


def _each_row(
    texts: Sequence[str],
    read: Callable[[str, str], T],
    grammar_name: str,
    where: Callable[[int], str],
    progress: ProgressCallback,
    *,
    remedies: Sequence[str],
) -> list[T]:
    """Return what a function makes of each text and its place, or tell of all that it refuses."""
    results: list[T] = []
    shown: list[str] = []
    for row, text in enumerate(texts):
        if row % ROWS_A_REPORT == 0:
            progress("tokenise", row, len(texts))
        try:
            results.append(read(text, where(row)))
        except UserError as error:
            shown += [str(error)] if len(shown) < MAX_SHOWN else []
    progress("tokenise", len(texts), len(texts))
    if num_wrong := len(texts) - len(results):
        rule = f"{num_wrong} of {len(texts)} rows are outside the grammar {grammar_name}:"
        more = [f"... and {num_wrong - len(shown)} more"] if num_wrong > len(shown) else []
        last = ", ".join(
            ["nothing was written: mend these rows, or pass another --grammar", *remedies]
        )
        raise UserError(rule, *shown, *more, last)
    return results
