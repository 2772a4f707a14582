"""A training step on rows of a data set: whole batches, or parts of them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from models.optimization.parts import LEAST_ROWS, PartWorkers, dealt_out
from models.training.summed_step import Part, SummedStep


class RowsStep:
    """What `Optimization` works with; see `Work`.

    Args:
        step: the step.
        select: `(rows, num_steps)`, what `step.forward` takes of these rows.
        num_threads: for parts of a batch that are worked on side by side, on a CPU.
        least: as many rows has such a part at least; see `least_rows`.
        micro_batches: parts of a batch that are worked on one after another; with more than one
            nothing is worked on side by side, so that less memory is needed at a time.
        around: what a batch is worked on in, unless side by side.
    """

    def __init__(
        self,
        step: SummedStep,
        select: Callable[[Tensor, int], tuple[Any, ...]],
        *,
        num_threads: int = 1,
        least: int = LEAST_ROWS,
        micro_batches: int = 1,
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.step = step
        self.select = select
        self.micro_batches = micro_batches
        self.workers = PartWorkers(num_threads if micro_batches == 1 else 1, least)
        self.around = around

    @property
    def state(self) -> Sequence[Tensor]:
        """All tensors that a call changes but the optimizer's."""
        return *self.step.parameters, *self.step.copies, *self.step.state

    def __call__(self, rows: Tensor, num_steps: int, weight: Tensor | None) -> None:
        """Train on one batch; see `Work`."""
        drawn = self.step.draw(len(rows))
        num_parts = self.workers.count(len(rows))
        if num_parts > 1:
            parts = self._parts(num_parts, num_steps, rows, *drawn)
            self.step.train_side_by_side(self.workers, parts)
            return
        num_parts = min(self.micro_batches, len(rows))
        if weight is None:
            weight = torch.ones(len(rows), device=rows.device)
        with self.around():
            parts = self._parts(num_parts, num_steps, rows, *drawn)
            self.step.train(parts, dealt_out(weight, num_parts))

    def _parts(self, num_parts: int, num_steps: int, rows: Tensor, *drawn: Tensor) -> list[Part]:
        def part(rows: Tensor, *drawn: Tensor) -> Part:
            return lambda: (*self.select(rows, num_steps), *drawn)

        each = (dealt_out(tensor, num_parts) for tensor in (rows, *drawn))
        return [part(*tensors) for tensors in zip(*each, strict=True)]
