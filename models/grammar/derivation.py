"""Left-most derivations: production ids to text, padded arrays of ids, and their checks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.grammar.grammar import Grammar
from models.grammar.masks import GrammarTables, tables
from models.grammar.symbols import Symbol

PAD_ID = -1
"""Fills the steps behind the end of a derivation."""

_CHUNK_ROWS = 8192
"""Rows checked at a time; bounds the memory for their stacks."""


def to_text(grammar: Grammar, ids: Sequence[int] | NDArray[np.integer]) -> str:
    """Write out the text that a complete derivation stands for, in canonical spacing.

    Args:
        grammar: the grammar of the ids.
        ids: production ids, left-most order; pad ids behind the end are allowed.

    Raises:
        UserError: the derivation is illegal or incomplete, with the step.
    """
    terminals: list[str] = []
    open_symbols = [Symbol(text=grammar.start, is_terminal=False)]
    steps = [int(production_id) for production_id in ids]
    step = 0
    while open_symbols:
        symbol = open_symbols.pop()
        if symbol.is_terminal:
            terminals.append(symbol.text)
            continue
        mistake = _step_mistake(grammar, steps, step, symbol.text)
        if mistake:
            raise UserError(f"step {step}: {mistake}")
        open_symbols.extend(reversed(grammar.productions[steps[step]].rhs))
        step += 1
    if any(production_id != PAD_ID for production_id in steps[step:]):
        raise UserError(f"step {step}: {_end_mistake(steps, step)}")
    return _join(grammar, terminals)


def pad(derivations: Sequence[Sequence[int]], num_steps: int | None = None) -> NDArray[np.int16]:
    """Return derivations as one array, padded with -1.

    Args:
        derivations: N sequences of production ids.
        num_steps: T; by default the longest derivation's length.

    Returns:
        int16 (N, T).

    Raises:
        UserError: a derivation is longer than `num_steps`; nothing is cut.
    """
    longest = max(map(len, derivations), default=0)
    num_steps = longest if num_steps is None else num_steps
    if longest > num_steps:
        row = next(i for i, ids in enumerate(derivations) if len(ids) > num_steps)
        raise UserError(
            f"row {row} takes {len(derivations[row])} steps, more than the {num_steps} that were "
            f"asked for: allow at least {longest} steps, or leave the row out"
        )
    padded = np.full((len(derivations), num_steps), PAD_ID, dtype=np.int16)
    for row, ids in zip(padded, derivations, strict=True):
        row[: len(ids)] = ids
    return padded


def check_ids(ids: NDArray[np.integer], grammar: Grammar) -> None:
    """Check that every row is one legal, complete derivation followed by pad ids only.

    Args:
        ids: (N, T); a memory map will do.
        grammar: the grammar of the ids.

    Raises:
        UserError: not two-dimensional whole numbers, or the first bad row with its step.
    """
    if ids.ndim != 2 or not np.issubdtype(ids.dtype, np.integer):
        raise UserError(
            f"ids are {ids.dtype} {ids.shape}: give whole numbers of shape (rows, steps)"
        )
    grammar_tables = tables(grammar)
    for first in range(0, len(ids), _CHUNK_ROWS):
        legal = _legal_rows(np.asarray(ids[first : first + _CHUNK_ROWS]), grammar_tables)
        if not legal.all():
            row = first + int(legal.argmin())
            try:
                to_text(grammar, ids[row])
            except UserError as error:
                raise UserError(f"row {row}, {error}") from None
            raise AssertionError(f"row {row}: two checks of a derivation disagree")


def _legal_rows(ids: NDArray[np.integer], grammar_tables: GrammarTables) -> NDArray[np.bool_]:
    """Run one stack machine per row over ids (N, T); return bool (N,)."""
    num_rows, num_steps = ids.shape
    pushed = grammar_tables.rhs_nonterminals
    counts = (pushed >= 0).sum(axis=1)
    # Right-most first, since the left-most nonterminal must end on top of the stack.
    backwards = np.zeros_like(pushed)
    for production_id, count in enumerate(counts):
        backwards[production_id, :count] = pushed[production_id, :count][::-1]
    stack = np.zeros((num_rows, 1 + num_steps * pushed.shape[1]), dtype=np.int16)
    stack[:, 0] = grammar_tables.start
    depth = np.ones(num_rows, dtype=np.int64)
    legal = np.ones(num_rows, dtype=np.bool_)
    rows = np.arange(num_rows)
    for step in range(num_steps):
        column = ids[:, step]
        production_ids = column.clip(0, grammar_tables.num_productions - 1)
        top = (depth - 1).clip(0)
        expands = (production_ids == column) & (
            grammar_tables.lhs[production_ids] == stack[rows, top]
        )
        legal &= np.where(depth > 0, expands, column == PAD_ID)
        for place in range(pushed.shape[1]):
            stack[rows, top + place] = backwards[production_ids, place]
        depth = np.where(legal & (depth > 0), depth - 1 + counts[production_ids], depth)
    return legal & (depth == 0)


def _step_mistake(grammar: Grammar, steps: list[int], step: int, open_name: str) -> str | None:
    """Say what is wrong with taking `steps[step]` while `open_name` is left-most, if anything."""
    if step >= len(steps):
        return f"the derivation ends while {open_name} is open: it needs more steps"
    production_id = steps[step]
    if production_id == PAD_ID:
        return f"the padding begins while {open_name} is open: the derivation is incomplete"
    if not 0 <= production_id < grammar.num_productions:
        return f"{production_id} is no production id: they are 0 to {grammar.num_productions - 1}"
    production = grammar.productions[production_id]
    if production.lhs == open_name:
        return None
    return (
        f"production {production_id} ({production}) expands {production.lhs}, but the left-most "
        f"open nonterminal is {open_name}"
    )


def _end_mistake(steps: list[int], step: int) -> str:
    late = next(i for i in range(step, len(steps)) if steps[i] != PAD_ID)
    return (
        f"the derivation is complete here, but id {steps[late]} follows at step {late}: pad with -1"
    )


def _join(grammar: Grammar, terminals: list[str]) -> str:
    pieces: list[str] = []
    for left, right in zip(["", *terminals], terminals, strict=False):
        between = grammar.separator
        if not between and (left in grammar.spaced or right in grammar.spaced):
            between = " "
        pieces += [between if pieces else "", right]
    return "".join(pieces)
