"""The columns of the decoder's head: productions ordered by nonterminal, slots shared.

A production that stands for a slot has no weights of its own. Every production of slot 3, whatever
its type, shares the column of slot 3, which the pointer scores. Columns of one nonterminal are
neighbours, so that a part of the head is a slice of its weights.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.programs.language.kinds import NUM_SLOTS, language


@dataclass(frozen=True, kw_only=True, eq=False)
class Columns:
    """Which column scores which production.

    Attributes:
        nonterminals: names, in the order of their columns.
        starts: first column of each nonterminal, and the end of the last one.
        column: int64 (productions,), the column of each; slots lie behind all others.
        group: int64 (productions,), index of the nonterminal that each replaces.
        has_slots: whether a nonterminal has productions that stand for slots.
    """

    nonterminals: tuple[str, ...]
    starts: tuple[int, ...]
    column: NDArray[np.int64]
    group: NDArray[np.int64]
    has_slots: tuple[bool, ...]

    @property
    def num_weighted(self) -> int:
        """Columns with weights; those of the slots follow."""
        return self.starts[-1]

    @property
    def num_columns(self) -> int:
        """All columns."""
        return self.num_weighted + NUM_SLOTS


@lru_cache
def columns(num_productions: int | None = None) -> Columns:
    """Return the columns of the language, or of an earlier version with fewer productions."""
    kinds = language().kinds[:num_productions]
    names = tuple(dict.fromkeys(kind.lhs for kind in kinds))
    column = np.zeros(len(kinds), dtype=np.int64)
    starts = [0]
    for name in names:
        weighted = [kind.id for kind in kinds if kind.lhs == name and kind.slot is None]
        column[weighted] = starts[-1] + np.arange(len(weighted))
        starts.append(starts[-1] + len(weighted))
    for kind in kinds:
        if kind.slot is not None:
            column[kind.id] = starts[-1] + kind.slot
    return Columns(
        nonterminals=names,
        starts=tuple(starts),
        column=column,
        group=np.array([names.index(kind.lhs) for kind in kinds]),
        has_slots=tuple(
            any(kind.slot is not None for kind in kinds if kind.lhs == name) for name in names
        ),
    )
