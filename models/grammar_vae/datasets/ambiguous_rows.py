"""Looks through a user's rows for texts that have two derivations in the user's grammar."""

from collections.abc import Callable, Sequence

from models.grammar.ambiguity import AmbiguityFinder
from models.grammar.parsing import TextParser
from models.training.contracts import ProgressCallback

_MOST_ROWS = 200
"""So many rows are looked at, spread over all: finding every derivation takes long."""
_MAX_SHOWN = 3


def ambiguity_notes(
    parser: TextParser,
    texts: Sequence[str],
    where: Callable[[int], str],
    progress: ProgressCallback,
) -> list[str]:
    """Return what a user should know of two derivations, rows that have them first.

    Args:
        parser: of the grammar.
        texts: texts of the grammar.
        where: names the place of a row.
        progress: is told how far the search is.
    """
    finder = AmbiguityFinder(parser.grammar)
    if not finder.may_be_ambiguous:
        return []
    rows = sorted({place * len(texts) // _MOST_ROWS for place in range(_MOST_ROWS)})
    found: dict[int, str] = {}
    for count, row in enumerate(rows):
        progress("look for second derivations", count, len(rows))
        parting = finder.second_derivation(texts[row])
        if parting is not None:
            found[row] = parting
    progress("look for second derivations", len(rows), len(rows))
    return [
        *_row_notes(parser, texts, where, found, len(rows)),
        *(f"the grammar {parser.grammar.name}: {text}" for text in finder.never_taken),
        *_parser_notes(parser),
    ]


def _row_notes(
    parser: TextParser,
    texts: Sequence[str],
    where: Callable[[int], str],
    found: dict[int, str],
    num_rows: int,
) -> list[str]:
    if not found:
        return []
    rule = (
        "the production that stands first in the grammar"
        if parser.algorithm == "earley"
        else "the longest match of terminals"
    )
    shown = [
        f"{where(row)} ({texts[row]!r}): {parting}"
        for row, parting in list(found.items())[:_MAX_SHOWN]
    ]
    return [
        f"the grammar {parser.grammar.name} is ambiguous: {len(found)} of {num_rows} rows looked "
        f"at have two derivations; taken is {rule}, always. Write the grammar so that each text "
        "has one",
        *shown,
    ]


def _parser_notes(parser: TextParser) -> list[str]:
    if parser.algorithm == "lalr":
        return []
    return [
        f"the grammar {parser.grammar.name} is not LALR(1): its texts are parsed by a slower "
        "algorithm, and it may be ambiguous in texts that were not looked at"
    ]
