"""Batches of rows of like length, so that little padding is computed."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

_EPOCHS_SEEN = 3  # for the lengths that batches have
_FAR = 1 << 60

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
    rows: Tensor,
    lengths: Tensor,
    batch_size: int,
    step_grid: int,
    generator: torch.Generator,
    *,
    levels: Sequence[int] = (),
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
        levels: ascending; `num_steps` is rounded up to one of them, unless there are none.
    """
    shuffled = rows[torch.randperm(len(rows), generator=generator)]
    batches = []
    for pool in shuffled.split(batch_size * POOL_BATCHES):
        batches += _cut(pool[lengths[pool].argsort(stable=True)], lengths, batch_size, step_grid)
    if levels:
        batches = [
            replace(batch, num_steps=levels[bisect_left(levels, batch.num_steps)])
            for batch in batches
        ]
    order = torch.randperm(len(batches), generator=generator).tolist()
    return [batches[i] for i in order]


def length_levels(
    rows: Tensor, lengths: Tensor, batch_size: int, step_grid: int, most: int = 8
) -> list[int]:
    """Return the lengths for batches with which the fewest steps are padding, ascending.

    A CUDA graph is captured for each, which takes as long as many replays.

    Args:
        rows: (n,) positions in the data set.
        lengths: (all rows of the data set,) real steps of each.
        batch_size: rows a batch.
        step_grid: they are multiples of this.
        most: how many there may be.
    """
    generator = torch.Generator().manual_seed(0)
    counts: Counter[int] = Counter()
    for _ in range(_EPOCHS_SEEN):
        batches = training_batches(rows, lengths, batch_size, step_grid, generator)
        counts.update(batch.num_steps for batch in batches)
    counts[-(-int(lengths[rows].max()) // step_grid) * step_grid] += 0  # any batch may be so long
    found = sorted(counts)
    # The least steps of batches up to a length, and the levels that give them.
    best: list[tuple[int, list[int]]] = [(0, []), *[(_FAR, [])] * len(found)]
    for _ in range(most):
        for end in range(len(found), 0, -1):
            steps, ways = 0, [best[end]]
            for begin in range(end - 1, -1, -1):
                steps += counts[found[begin]] * found[end - 1]
                before, levels = best[begin]
                ways.append((before + steps, [*levels, found[end - 1]]))
            best[end] = min(ways)
    return best[-1][1]


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
