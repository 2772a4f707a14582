"""Reads a grammar's table off the masks that stand beside derivations.

Arrays made elsewhere come with masks but without their grammar. The mask of a step is the set of
productions with one left-hand side, so productions that share a mask share a nonterminal, and the
masks of all steps follow from one small table. Only right-hand sides stay unknown.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.errors import UserError

ROWS_AT_ONCE = 4096  # bounds the memory of the comparison to some tens of MB


@dataclass(frozen=True, kw_only=True)
class MaskTable:
    """What masks tell of a grammar.

    `lhs` is int16 `(productions,)`: the number of each production's nonterminal, -1 for one that
    no mask allows. `table` is bool `(nonterminals, productions)`. Nonterminals are numbered in
    the order of their first production.
    """

    lhs: np.ndarray
    table: np.ndarray


def mask_table(
    ids: np.ndarray, packed: np.ndarray, num_productions: int | None = None
) -> MaskTable:
    """Return the table behind `packed`, after checking that every step agrees with it.

    Args:
        ids: int16 `(rows, steps)`, padded at the end with -1.
        packed: uint8 `(rows, steps, bytes)`, `np.packbits(mask, axis=-1)`; zero where ids are -1.
        num_productions: How many productions there are; else the largest one that occurs counts.

    Raises:
        UserError: Shapes do not fit, a mask forbids its own production, one production has two
            masks, padding has a mask, or two masks overlap; with row and step.
    """
    _check_shapes(ids, packed, num_productions)
    first = _first_occurrences(ids, 8 * packed.shape[2])
    packed_table = np.zeros((len(first) + 1, packed.shape[2]), dtype=np.uint8)  # last: padding
    seen = np.flatnonzero(first >= 0)
    packed_table[seen] = packed.reshape(-1, packed.shape[2])[first[seen]]
    _check_every_step(ids, packed, packed_table, first)
    by_production = np.unpackbits(packed_table[:-1], axis=-1).astype(bool)
    _check_own_production(by_production, seen, first, ids.shape[1])
    table = _distinct_masks(by_production[seen])
    return _numbered(table, num_productions)


def _check_shapes(ids: np.ndarray, packed: np.ndarray, num_productions: int | None) -> None:
    if packed.dtype != np.uint8 or packed.ndim != 3 or packed.shape[:2] != ids.shape:
        raise UserError(
            f"masks are {packed.dtype} {packed.shape}, but ids of shape {ids.shape} need uint8 "
            f"({ids.shape[0]}, {ids.shape[1]}, bytes): pack them with np.packbits(mask, axis=-1)"
        )
    needed = max(int(ids.max()) + 1, num_productions or 0)
    if 8 * packed.shape[2] < needed:
        raise UserError(
            f"masks hold {8 * packed.shape[2]} productions, but there are {needed}: "
            "give the masks that were made for these ids"
        )


def _first_occurrences(ids: np.ndarray, num_productions: int) -> np.ndarray:
    """Return for each production the flat position of its first step, or -1."""
    flat = ids.reshape(-1)
    real = np.flatnonzero(flat >= 0)[::-1]  # backwards: the last write is the first occurrence
    first = np.full(num_productions, -1, dtype=np.int64)
    first[flat[real]] = real
    return first


def _check_every_step(
    ids: np.ndarray, packed: np.ndarray, packed_table: np.ndarray, first: np.ndarray
) -> None:
    for start, stop in _chunks(len(ids)):
        differs = (packed[start:stop] != packed_table[ids[start:stop]]).any(axis=-1)
        if not differs.any():
            continue
        row, step = np.argwhere(differs)[0] + (start, 0)
        production = int(ids[row, step])
        if production < 0:
            raise UserError(
                f"masks: row {row}, step {step} is padding but its mask is not zero: "
                "give the masks that were made for these ids"
            )
        other_row, other_step = divmod(int(first[production]), ids.shape[1])
        raise UserError(
            f"masks: row {row}, step {step} holds production {production} under another mask "
            f"than row {other_row}, step {other_step}: a production has one left-hand side, so "
            "give the masks that were made for these ids"
        )


def _check_own_production(
    by_production: np.ndarray, seen: np.ndarray, first: np.ndarray, num_steps: int
) -> None:
    allowed = by_production[seen, seen]
    if allowed.all():
        return
    production = int(seen[~allowed][0])
    row, step = divmod(int(first[production]), num_steps)
    raise UserError(
        f"masks: row {row}, step {step} holds production {production}, which its mask forbids: "
        "give the masks that were made for these ids (np.packbits, big bit order)"
    )


def _distinct_masks(masks: np.ndarray) -> np.ndarray:
    """Return the distinct rows of `masks` by first production, none overlapping another."""
    table = np.unique(masks, axis=0)
    shared = np.flatnonzero(table.sum(axis=0) > 1)
    if len(shared):
        raise UserError(
            f"masks: production {shared[0]} is allowed by two different masks, so the masks are "
            "not those of a grammar's nonterminals: give the masks made for these ids"
        )
    return table[np.argsort(table.argmax(axis=1))]


def _numbered(table: np.ndarray, num_productions: int | None) -> MaskTable:
    allowed = np.flatnonzero(table.any(axis=0))
    size = int(allowed[-1]) + 1 if num_productions is None else num_productions
    if int(allowed[-1]) >= size:
        raise UserError(
            f"masks allow production {allowed[-1]}, but there are {size} productions: "
            "give the masks that were made for these ids"
        )
    table = table[:, :size]
    lhs = np.where(table.any(axis=0), table.argmax(axis=0), -1).astype(np.int16)
    return MaskTable(lhs=lhs, table=table)


def _chunks(num_rows: int) -> Iterator[tuple[int, int]]:
    for start in range(0, num_rows, ROWS_AT_ONCE):
        yield start, min(start + ROWS_AT_ONCE, num_rows)
