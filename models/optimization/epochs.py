"""How the batches of an epoch reach the training step: one by one, or as replays of graphs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from models.layers.cuda_kernels import kernels_run_on, load_kernel
from models.optimization.allocation import keep_freed_memory, nothing_old_collected
from models.optimization.batches import Batch
from models.optimization.graphs import GraphCache

_SOURCE = Path(__file__).with_name("next_batch.cu")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What an epoch trains on.

    Attributes:
        batches: in order.
        lrs: the learning rate of each.
        on_batch: told how many of how many batches were handed to the device.
    """

    batches: Sequence[Batch]
    lrs: Sequence[float]
    on_batch: Callable[[int, int], None]


class Work(Protocol):
    """One optimizer step on rows of a data set."""

    @property
    def state(self) -> Sequence[Tensor]:
        """All tensors that a call changes but the optimizer's; parameters are among them."""
        ...

    def __call__(self, rows: Tensor, num_steps: int, weight: Tensor | None) -> None:
        """Train on one batch, without waiting for the device.

        Args:
            rows: int64 (batch,), positions in the data set, on the device.
            num_steps: all rows are at most this long.
            weight: (batch,), 1 for real rows, 0 for rows that fill up a batch; None: all real.
        """
        ...


class Epochs(Protocol):
    """Runs epochs of a training step over rows on the device."""

    def run(self, plan: Plan) -> None:
        """Train on every batch of the plan."""
        ...

    def forget(self) -> None:
        """Drop what was captured, since the optimizer's tensors were replaced."""
        ...


class EagerEpochs:
    """Runs every operation as it comes: on CPUs, and as the baseline on GPUs."""

    def __init__(self, work: Work, optimizer: Optimizer, device: torch.device) -> None:
        self.work = work
        self.optimizer = optimizer
        self.device = device
        if device.type == "cpu":
            keep_freed_memory()

    def run(self, plan: Plan) -> None:
        """Train on every batch of the plan."""
        with nothing_old_collected():
            for done, (batch, lr) in enumerate(zip(plan.batches, plan.lrs, strict=True), start=1):
                for group in self.optimizer.param_groups:
                    group["lr"] = lr
                self.work(batch.rows.to(self.device), batch.num_steps, None)
                plan.on_batch(done, len(plan.batches))

    def forget(self) -> None:
        """Nothing is kept."""


class GraphedEpochs:
    """Replays one CUDA graph for each length of batch; the host only names the next graph.

    Each graph reads its rows and learning rate from the epoch's plan on the device and counts
    on, so an epoch copies three small tensors to the device and waits for nothing.

    Args:
        work: the training step; all its tensors stay where they are.
        optimizer: capturable.
        device: a CUDA device.
        batch_size: rows of every batch but the last, which is filled up.
    """

    def __init__(
        self, work: Work, optimizer: Optimizer, device: torch.device, batch_size: int
    ) -> None:
        self.work = work
        self.optimizer = optimizer
        self.device = device
        self.batch_size = batch_size
        self.lr = torch.zeros((), device=device)
        # Which batch of the plan is next; the graphs themselves count it on.
        self.next = torch.zeros(1, dtype=torch.int64, device=device)
        self.rows = torch.zeros((0, batch_size), dtype=torch.int64, device=device)
        self.weights = torch.zeros((0, batch_size), device=device)
        self.lrs = torch.zeros(0, device=device)
        self.graphs = GraphCache(self._preserve)
        for group in optimizer.param_groups:
            group["lr"] = self.lr

    def run(self, plan: Plan) -> None:
        """Train on every batch of the plan."""
        self._load(plan)
        for done, batch in enumerate(plan.batches, start=1):
            self.graphs.run(batch.num_steps, lambda steps=batch.num_steps: self._body(steps))
            plan.on_batch(done, len(plan.batches))
        self.graphs.give_back()

    def forget(self) -> None:
        """Drop the graphs, since the optimizer's tensors were replaced."""
        torch.cuda.synchronize()  # a graph that still runs must not be freed
        self.graphs = GraphCache(self._preserve)
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr

    def _body(self, num_steps: int) -> None:
        rows, weight = self._next_batch()
        self.work(rows, num_steps, weight)

    def _next_batch(self) -> tuple[Tensor, Tensor]:
        """Return rows and weights of the next batch of the plan, take its rate, and count on."""
        if kernels_run_on(self.device):
            rows, weight = self.rows.new_empty(self.batch_size), self.lr.new_empty(self.batch_size)
            load_kernel((_SOURCE,), "next_batch", (), 0, self.device)(
                1, 256,
                self.rows, self.weights, self.lrs, self.next, rows, weight, self.lr,
                self.batch_size,
            )  # fmt: skip
            return rows, weight
        self.lr.copy_(self.lrs[self.next].squeeze(0))
        rows = self.rows[self.next].squeeze(0)
        weight = self.weights[self.next].squeeze(0)
        self.next += 1
        return rows, weight

    def _load(self, plan: Plan) -> None:
        """Put the plan where the graphs read it; a last batch is filled up with weight 0."""
        count = len(plan.batches)
        rows = torch.zeros((count, self.batch_size), dtype=torch.int64)
        weights = torch.zeros((count, self.batch_size))
        for number, batch in enumerate(plan.batches):
            rows[number] = batch.rows[0]  # fills up with a row that is not longer than the others
            rows[number, : len(batch.rows)] = batch.rows
            weights[number, : len(batch.rows)] = 1.0
        if count != len(self.rows):  # new tensors have new addresses, which old graphs do not know
            self.rows = torch.empty_like(rows, device=self.device)
            self.weights = torch.empty_like(weights, device=self.device)
            self.lrs = torch.empty(count, device=self.device)
            self.forget()
        self.rows.copy_(rows)
        self.weights.copy_(weights)
        self.lrs.copy_(torch.tensor(plan.lrs))
        self.next.zero_()

    def _preserve(self) -> Callable[[], None]:
        """Remember weights, moments, sums, plan place and random state, to undo a warm-up."""
        tensors = [*self.work.state, self.next]
        tensors += [t for s in self.optimizer.state.values() for t in s.values()]
        kept = [_Kept(group) for group in _by_dtype(tensors)]
        random_state = torch.cuda.get_rng_state()
        fresh = not self.optimizer.state

        def restore() -> None:
            for group in kept:
                group.write_back()
            if fresh:  # the warm-up made the moments: they start at zero
                made = [t for s in self.optimizer.state.values() for t in s.values()]
                for group in _by_dtype(made):
                    torch._foreach_zero_(group)  # pyright: ignore[reportPrivateImportUsage]
            torch.cuda.set_rng_state(random_state)

        return restore


class _Kept:
    """What tensors of one type hold at a moment; for many of them a few kernels."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = tensors
        self.values = [torch.empty_like(tensor) for tensor in tensors]
        torch._foreach_copy_(self.values, tensors)  # pyright: ignore[reportPrivateImportUsage]

    @torch.no_grad()
    def write_back(self) -> None:
        """Write back what they held."""
        torch._foreach_copy_(self.tensors, self.values)  # pyright: ignore[reportPrivateImportUsage]


def _by_dtype(tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    groups: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        groups.setdefault(tensor.dtype, []).append(tensor.detach())
    return list(groups.values())
