"""What the decoder is told at a step: the production before, the open context, the latent's part.

The latent is read by places, as it was written: each place has weights of its own that turn the
latent into a few numbers, and a step sees those of the node that it is about.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

from models.ast_autoencoder.network.batches import StepBatch
from models.ast_autoencoder.network.places import Places
from models.programs.language.kinds import language
from models.programs.language.machine_tables import machine_tables


@dataclass(frozen=True, kw_only=True, eq=False)
class Reads:
    """What latents hold of each place.

    Args:
        table: (latents * places, dim).
        first: int64 (batch,), where in it the places of each row's latent begin.
        num_places: of each latent.
    """

    table: Tensor
    first: Tensor
    num_places: int

    def of_node(self, node: Tensor) -> Tensor:
        """Return what is held of nodes (..., batch), (..., batch, dim)."""
        return F.embedding(self.first + node.clamp(max=self.num_places - 1), self.table)

    def select(self, rows: Tensor) -> "Reads":
        """Return those of some rows, in that order; rows may repeat. The table stays whole."""
        return replace(self, first=self.first[rows])


class StepInputs(nn.Module):
    """Latents and steps to vectors of the decoder's width.

    Args:
        hidden: the decoder's width.
        places: what each node's part is read of the latent with.
    """

    def __init__(self, *, hidden: int, places: Places) -> None:
        super().__init__()
        self.previous = nn.Embedding(len(language().kinds) + 1, hidden)
        self.symbol = nn.Embedding(len(machine_tables().productions), hidden)
        self.read = nn.Linear(places.weight.shape[1], hidden)
        self.places = places

    def reads(self, latent: Tensor, num_steps: int) -> Reads:
        """Return what latents (batch, latent_dim) hold of `num_steps` places, or of all."""
        table = self.places.read(latent, min(num_steps, self.places.num_places))
        batch, places, _ = table.shape
        first = torch.arange(batch, device=latent.device) * places
        return Reads(table=table.flatten(0, 1), first=first, num_places=places)

    def at(self, reads: Reads, previous: Tensor, symbol: Tensor, node: Tensor) -> Tensor:
        """Return the inputs (..., batch, hidden) of steps (..., batch); see `StepBatch`."""
        return self.previous(previous) + self.symbol(symbol) + self.read(reads.of_node(node))

    def along(self, latent: Tensor, steps: StepBatch) -> Tensor:
        """Return the inputs (time, batch, hidden) of given programs."""
        reads = self.reads(latent, steps.ids.shape[0])
        return self.at(reads, steps.previous, steps.symbol, steps.node)

    def products_along(
        self, latent: Tensor, steps: StepBatch, weight: Tensor, bias: Tensor
    ) -> Tensor:
        """Return `along(...) @ weight.T + bias`, (time, batch, width), with fewer products.

        What stands in tables is multiplied once a table row and not once a step.
        """
        reads = self.reads(latent, steps.ids.shape[0])
        if steps.pair.numel() > len(steps.pairs):
            rows, number = steps.pairs, steps.pair
        else:
            rows = torch.stack([steps.previous.flatten(), steps.symbol.flatten()], dim=1)
            number = None
        table = self.previous(rows[:, 0]) + self.symbol(rows[:, 1]) + self.read.bias
        product = F.linear(table, weight, bias)
        at_steps = product if number is None else _TakeRows.apply(product, number.flatten())
        here = reads.of_node(steps.node).flatten(0, 1)
        merged = torch.addmm(at_steps, here, (weight @ self.read.weight).t())
        return merged.view(*steps.node.shape, -1)

    def products_at(
        self, tables: tuple[Tensor, ...], reads: Reads, step: tuple[Tensor, Tensor, Tensor]
    ) -> Tensor:
        """Return the products of one step from `tables`, (batch, width)."""
        of_previous, of_symbol, of_read = tables
        previous, symbol, node = step
        told = F.embedding(previous, of_previous) + F.embedding(symbol, of_symbol)
        return torch.addmm(told, reads.of_node(node), of_read)

    def product_tables(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
        """Return the tables multiplied with weights, for `products_at`."""
        of_previous = F.linear(self.previous.weight, weight)
        of_symbol = F.linear(self.symbol.weight + self.read.bias, weight, bias)
        return of_previous, of_symbol, (weight @ self.read.weight).t()


class _TakeRows(Function):
    """Rows of a table, whose gradient is added up in float32 whatever the table's dtype."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: Tensor) -> Tensor:
        """Return (rows, width)."""
        ctx.save_for_backward(rows)
        ctx.table = len(table), table.dtype
        return F.embedding(rows, table)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of the table."""
        (rows,) = ctx.saved_tensors
        length, dtype = ctx.table
        grad = torch.ops.aten.embedding_dense_backward(grads[0].float(), rows, length, -1, False)
        return grad.to(dtype), None
