"""Text to padded derivations, with every row that is outside the grammar reported."""

from collections.abc import Callable, Sequence

import numpy as np

from models.commands.progress import ProgressCallback
from models.errors import UserError
from models.grammar.derivation import pad
from models.grammar.grammar import Grammar
from models.grammar.parsing import TextParser

MAX_SHOWN = 10
ROWS_A_REPORT = 500


def derive_rows(
    texts: Sequence[str],
    grammar: Grammar,
    where: Callable[[int], str],
    progress: ProgressCallback,
) -> np.ndarray:
    """Return the derivations of `texts`, int16 `(rows, steps)`, padded with -1.

    Args:
        texts: One string of the grammar each.
        grammar: The grammar they are in.
        where: Names the place of a row, for messages.
        progress: Is told how far it is.

    Raises:
        UserError: Rows are outside the grammar; all are counted and the first 10 shown.
    """
    parser = TextParser(grammar)
    derivations: list[list[int]] = []
    shown: list[str] = []
    for row, text in enumerate(texts):
        if row % ROWS_A_REPORT == 0:
            progress("tokenise", row, len(texts))
        try:
            derivations.append(parser.derive(text, where(row)))
        except UserError as error:
            derivations.append([])
            shown += [str(error)] if len(shown) < MAX_SHOWN else []
    progress("tokenise", len(texts), len(texts))
    num_wrong = sum(not derivation for derivation in derivations)
    if num_wrong:
        raise _outside(num_wrong, len(texts), grammar.name, shown)
    return pad(derivations)


def _outside(num_wrong: int, num_rows: int, grammar_name: str, shown: list[str]) -> UserError:
    more = num_wrong - len(shown)
    lines = [f"{num_wrong} of {num_rows} rows are outside the grammar {grammar_name}:", *shown]
    lines += [f"... and {more} more"] if more else []
    lines += ["nothing was written: mend these rows, or pass another --grammar"]
    return UserError("\n".join(lines))
