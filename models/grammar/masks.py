"""Which productions are legal at each step of a derivation, as small tables and as packed masks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.grammar.completion import completion_steps, minimum_steps
from models.grammar.grammar import Grammar

UNBOUNDED = 1 << 30
"""Step count of what can never be completed; no budget is ever that large."""

_CHUNK_ROWS = 4096
"""Rows compared at a time, so that mask files larger than memory can be checked."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GrammarTables:
    """A grammar as arrays: S nonterminals, P productions, at most R nonterminals a right side.

    Args:
        lhs: int64 (P,), index of the nonterminal that each production replaces.
        mask: bool (S, P), whether production p replaces nonterminal s.
        rhs_nonterminals: int64 (P, R), nonterminals of the right-hand side left to right, pad -1.
        min_steps: int64 (S,), fewest steps that complete a nonterminal.
        closing_steps: int64 (P,), fewest steps still needed after a production: the sum of
            `min_steps` over its right-hand side.
        start: index of the start symbol.
    """

    lhs: NDArray[np.int64]
    mask: NDArray[np.bool_]
    rhs_nonterminals: NDArray[np.int64]
    min_steps: NDArray[np.int64]
    closing_steps: NDArray[np.int64]
    start: int

    @property
    def num_productions(self) -> int:
        """Number of productions P."""
        return len(self.lhs)

    @property
    def min_length(self) -> int:
        """Steps of the shortest complete derivation."""
        return int(self.min_steps[self.start])


def tables(grammar: Grammar) -> GrammarTables:
    """Build the arrays that masks and decoding work with."""
    index = {name: i for i, name in enumerate(grammar.nonterminals)}
    steps = minimum_steps(grammar.productions)
    lhs = np.array([index[production.lhs] for production in grammar.productions])
    closing = [completion_steps(production, steps) for production in grammar.productions]
    return GrammarTables(
        lhs=lhs,
        mask=lhs == np.arange(len(index))[:, None],
        rhs_nonterminals=_padded(
            [[index[name] for name in item.nonterminals] for item in grammar.productions]
        ),
        min_steps=np.array([steps.get(name, UNBOUNDED) for name in grammar.nonterminals]),
        closing_steps=np.array([UNBOUNDED if total is None else total for total in closing]),
        start=index[grammar.start],
    )


def step_masks(ids: NDArray[np.integer], tables: GrammarTables) -> NDArray[np.bool_]:
    """Return the legal productions at each step of complete derivations.

    Args:
        ids: (N, T), padded with -1.
        tables: of the grammar that the ids belong to.

    Returns:
        bool (N, T, P): the productions of the left-most open nonterminal; none at pad steps.
    """
    return _with_pad_row(tables.mask)[_nonterminals(ids, tables)]


def packed_step_masks(ids: NDArray[np.integer], tables: GrammarTables) -> NDArray[np.uint8]:
    """Return `pack_masks(step_masks(ids, tables))` without the unpacked masks in between."""
    return pack_masks(_with_pad_row(tables.mask))[_nonterminals(ids, tables)]


def pack_masks(masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Pack the last axis to bits, big bit order, filled with zeros to whole bytes."""
    return np.packbits(masks, axis=-1)


def unpack_masks(packed: NDArray[np.uint8], num_productions: int) -> NDArray[np.bool_]:
    """Undo `pack_masks`."""
    return np.unpackbits(packed, axis=-1, count=num_productions).astype(np.bool_)


def check_masks(ids: NDArray[np.integer], packed: NDArray[np.uint8], tables: GrammarTables) -> None:
    """Compare packed masks, for example of a mask file, with those the grammar gives.

    Args:
        ids: (N, T), legal derivations padded with -1.
        packed: uint8 (N, T, ceil(P / 8)); a memory map will do.
        tables: of the grammar that the ids belong to.

    Raises:
        UserError: other shape or type, or a step where the masks differ, with its row and step.
    """
    expected_shape = (*ids.shape, -(-tables.num_productions // 8))
    if packed.shape != expected_shape or packed.dtype != np.uint8:
        raise UserError(
            f"masks are {packed.dtype} {packed.shape}, the ids and the grammar need uint8 "
            f"{expected_shape}: write them with np.packbits(mask, axis=-1)"
        )
    for first in range(0, len(ids), _CHUNK_ROWS):
        rows = slice(first, first + _CHUNK_ROWS)
        wrong = (packed[rows] != packed_step_masks(ids[rows], tables)).any(axis=-1)
        if wrong.any():
            row, step = np.unravel_index(wrong.argmax(), wrong.shape)
            raise _mask_error(ids, packed, tables, int(first + row), int(step))


def _padded(rows: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    width = max(1, *map(len, rows)) if rows else 1
    padded = np.full((len(rows), width), -1, dtype=np.int64)
    for row, values in zip(padded, rows, strict=True):
        row[: len(values)] = values
    return padded


def _with_pad_row(table: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Append a row of zeros, which index -1 picks."""
    return np.vstack([table, np.zeros_like(table[:1])])


def _nonterminals(ids: NDArray[np.integer], tables: GrammarTables) -> NDArray[np.int64]:
    """Return the left-most open nonterminal at each step, -1 at pad steps."""
    return np.append(tables.lhs, -1)[ids]


def _mask_error(
    ids: NDArray[np.integer],
    packed: NDArray[np.uint8],
    tables: GrammarTables,
    row: int,
    step: int,
) -> UserError:
    given = np.flatnonzero(unpack_masks(packed[row, step], tables.num_productions)).tolist()
    right = np.flatnonzero(step_masks(ids[row : row + 1], tables)[0, step]).tolist()
    return UserError(
        f"row {row}, step {step}: the mask allows productions {given}, the grammar {right} "
        f"(the id there is {ids[row, step]}): the masks belong to another grammar or other ids; "
        "leave them out, they follow from the ids"
    )
