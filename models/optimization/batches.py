"""Batches of rows of like length, so that little padding is computed."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

POOL_BATCHES = 32
"""Batches sorted together: enough for like lengths, few enough to mix the rows of an epoch."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows to train on together.

    Attributes:
        rows: (batch,) positions in the data set.
        num_steps: all rows are at most this long.
    """

    rows: Tensor
    num_steps: int


def training_batches(
    rows: Tensor, lengths: Tensor, batch_size: int, step_grid: int, generator: torch.Generator
) -> list[Batch]:
    """Cut an epoch of shuffled rows into batches of like length, in random order.

    Rows are shuffled, sorted by length within pools of `POOL_BATCHES` batches, and cut; the
    order of the batches is random again. Every row occurs once.

    Args:
        rows: (n,) positions in the data set.
        lengths: (all rows of the data set,) real steps of each.
        batch_size: rows a batch; the last one may have fewer.
        step_grid: `num_steps` is rounded up to a multiple of this.
        generator: source of the shuffle.
    """
    shuffled = rows[torch.randperm(len(rows), generator=generator)]
    batches = []
    for pool in shuffled.split(batch_size * POOL_BATCHES):
        batches += _cut(pool[lengths[pool].argsort(stable=True)], lengths, batch_size, step_grid)
    order = torch.randperm(len(batches), generator=generator).tolist()
    return [batches[i] for i in order]


def evaluation_batches(
    rows: Tensor, lengths: Tensor, batch_size: int, step_grid: int
) -> Iterator[Batch]:
    """Yield all rows once, sorted by length."""
    yield from _cut(rows[lengths[rows].argsort(stable=True)], lengths, batch_size, step_grid)


def _cut(rows: Tensor, lengths: Tensor, batch_size: int, step_grid: int) -> list[Batch]:
    batches = []
    for part in rows.split(batch_size):
        longest = int(lengths[part].max())
        batches.append(Batch(rows=part, num_steps=-(-longest // step_grid) * step_grid))
    return batches
