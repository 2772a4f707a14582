"""How near decoded programs are to their originals, and metrics by length of program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.grammar.derivation import PAD_ID

LENGTH_BOUNDS = (20, 40, 60)
"""Nodes of a program: metrics are also given up to each of these, and above the last."""

_ROWS_AT_ONCE = 512
"""Pairs whose lines of the table stay in a core's cache."""


def similarity(ids: NDArray[np.integer], others: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return 1 - edit distance / length of the longer, of rows of productions: (rows,) in 0..1.

    The tokens are productions: one for each operator, name, constant and statement. So programs
    that differ in their variables' names alone are equal.

    Args:
        ids: (rows, time), padded with -1.
        others: (rows, other time), padded with -1.
    """
    lengths, other_lengths = (ids != PAD_ID).sum(1), (others != PAD_ID).sum(1)
    longest = np.maximum(np.maximum(lengths, other_lengths), 1)
    return 1.0 - edit_distance(ids, others) / longest


def edit_distance(ids: NDArray[np.integer], others: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return how many insertions, deletions and substitutions lead from row to row, (rows,)."""
    longest = np.maximum((ids != PAD_ID).sum(1), (others != PAD_ID).sum(1))
    order = np.argsort(longest, kind="stable")  # rows of like length are short together
    result = np.zeros(len(ids), dtype=np.int64)
    for first in range(0, len(order), _ROWS_AT_ONCE):
        rows = order[first : first + _ROWS_AT_ONCE]
        result[rows] = _edit_distance(ids[rows], others[rows])
    return result


def _edit_distance(ids: NDArray[np.integer], others: NDArray[np.integer]) -> NDArray[np.int16]:
    """Return the distances of a few pairs (rows,).

    Wagner and Fischer 1974, a line of the table at a time for all pairs: within a line, an entry
    is the running minimum over those before it, which each insertion raises by 1. Lines are
    (width + 1, rows), so that all operations run along the pairs.
    """
    pairs = np.arange(len(ids))
    lengths, other_lengths = (ids != PAD_ID).sum(1), (others != PAD_ID).sum(1)
    width = int(other_lengths.max(initial=0))
    given = np.ascontiguousarray(ids.T, dtype=np.int16)
    targets = np.ascontiguousarray(others[:, :width].T, dtype=np.int16)
    ramp = np.arange(width + 1, dtype=np.int16)[:, None]
    line = np.repeat(ramp, len(ids), axis=1)
    best = np.empty_like(line)
    result = other_lengths.astype(np.int16)
    for step in range(int(lengths.max(initial=0))):
        best[0] = step + 1
        np.minimum(line[:-1] + (targets != given[step]), line[1:] + 1, out=best[1:])
        best -= ramp
        _running_minimum(best)
        np.add(best, ramp, out=line)
        ends = lengths == step + 1
        result[ends] = line[other_lengths[ends], pairs[ends]]
    return result


def _running_minimum(lines: NDArray[np.int16]) -> None:
    """Put the least of those before it in place of each line, (lines, pairs).

    In doubling strides, whose operations are vectorised, unlike those of `accumulate`.
    """
    stride = 1
    while stride < len(lines):
        lines[stride:] = np.minimum(lines[stride:], lines[:-stride])
        stride *= 2


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """Programs of like length: `name` is a suffix of metrics, `rows` are their positions."""

    name: str
    rows: NDArray[np.int64]


def length_buckets(num_nodes: NDArray[np.integer]) -> list[Bucket]:
    """Return the buckets that hold any program: up to 20, up to 40, up to 60, above 60 nodes."""
    chosen = {f"le{bound}": num_nodes <= bound for bound in LENGTH_BOUNDS}
    chosen[f"gt{LENGTH_BOUNDS[-1]}"] = num_nodes > LENGTH_BOUNDS[-1]
    return [
        Bucket(name=name, rows=np.nonzero(rows)[0]) for name, rows in chosen.items() if rows.any()
    ]


def by_length(
    columns: Mapping[str, NDArray[np.floating] | NDArray[np.bool_]], buckets: Sequence[Bucket]
) -> dict[str, float]:
    """Return the mean of every column over all rows, and over each bucket as `name_le40`."""
    means = {name: float(np.mean(values)) for name, values in columns.items()}
    for bucket in buckets:
        for name, values in columns.items():
            means[f"{name}_{bucket.name}"] = float(np.mean(values[bucket.rows]))
    return means
