"""Looks through rows for those that decoding never gives back, since its rules forbid them."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from models.grammar.grammar import Grammar
from models.training.contracts import ProgressCallback

_MOST_ROWS = 5_000
"""The bonds of so many rows are looked at, spread over all: that takes a millisecond a row."""
_WORK = "look for molecules that the rules forbid"


def illegal_rows_notes(
    ids: np.ndarray,
    texts: Sequence[str],
    grammar: Grammar,
    where: Callable[[int], str],
    progress: ProgressCallback,
) -> list[str]:
    """Count the rows that rules beyond the grammar forbid, by kind, the most frequent first.

    Args:
        ids: (rows, time) derivations, padded with -1.
        texts: of the rows.
        grammar: of the rows.
        where: names the place of a row.
        progress: is told how far the search is.
    """
    if grammar.constraints == "none":
        return []
    # They take torch, which other grammars and `--help` have no use for.
    from models.molecules.forbidden import (
        ROWS_AT_ONCE,
        forbidden_for_productions,
        forbidden_for_structure,
    )

    found = forbidden_for_productions(ids, grammar)
    others = np.setdiff1d(np.arange(len(ids)), list(found))
    looked = others[np.linspace(0, len(others) - 1, min(_MOST_ROWS, len(others))).astype(int)]
    done = 0
    for some in forbidden_for_structure(ids[looked], grammar):
        found |= {int(looked[row]): why for row, why in some.items()}
        done = min(len(looked), done + ROWS_AT_ONCE)
        progress(_WORK, done, len(looked))
    if not found:
        return []
    kinds: dict[str, list[int]] = defaultdict(list)
    for row in sorted(found):
        kinds[found[row]].append(row)
    part = "" if len(looked) == len(others) else f" (bonds were looked at in {len(looked):,})"
    return [
        f"{len(found):,} of {len(ids):,} rows{part} will never come back: decoding keeps to the "
        "rules of molecules, which forbid them. Leave them out; or build the data with a copy of "
        "models/grammar/data/smiles.yaml that says constraints: none, which gives back such rows, "
        "and illegal ones as well",
        *(
            f"  {len(rows):,} for {kind}: {where(rows[0])} ({texts[rows[0]]!r})"
            + (" and more" if len(rows) > 1 else "")
            for kind, rows in sorted(kinds.items(), key=lambda item: -len(item[1]))
        ),
    ]
