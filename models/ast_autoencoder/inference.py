"""Encoding and decoding many programs: in batches of like length, on a CPU several at a time."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from models.ast_autoencoder.decoding import decode
from models.ast_autoencoder.network.batches import NodeBatch
from models.ast_autoencoder.network.network import AstAutoencoder
from models.ast_autoencoder.network.tensors import NodeTensors
from models.grammar.derivation import PAD_ID
from models.optimization.batches import evaluation_batches
from models.optimization.parts import PartWorkers, most_parts
from models.programs.language.machine import ConstraintMachine

_ENCODED_AT_ONCE = 256
"""Small batches: the longest program's size is everyone's."""

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class Inference:
    """Runs a network that is not being trained; it is in evaluation mode meanwhile.

    Args:
        network: the network.
        autocast: dtype of matrix products, or None.
    """

    def __init__(self, network: AstAutoencoder, autocast: torch.dtype | None) -> None:
        self.network = network
        self.autocast = autocast
        self.device = next(network.parameters()).device
        # On a CPU operations on batches are too small for more threads than one.
        self._workers = PartWorkers(most_parts() if self.device.type == "cpu" else 1)

    def map(self, work: Callable[[ItemT], ResultT], items: Sequence[ItemT]) -> list[ResultT]:
        """Return the result of each item, in order; several may be worked on at a time."""

        @torch.no_grad()
        def quietly(item: ItemT) -> ResultT:
            kind = self.device.type
            with torch.autocast(kind, dtype=self.autocast, enabled=self.autocast is not None):
                return work(item)

        was_training = self.network.training
        self.network.eval()
        try:
            if self.device.type != "cpu":
                return [quietly(item) for item in items]
            results: list[ResultT] = []
            size = self._workers.num_parts
            for first in range(0, len(items), size):
                results += self._workers.run(quietly, items[first : first + size])
            return results
        finally:
            self.network.train(was_training)

    def encode(self, nodes: NodeTensors, rows: Tensor) -> Tensor:
        """Return the latents of rows of a data set, float32 (rows, latent_dim), on their device."""
        sizes = nodes.num_nodes.cpu()
        every = torch.arange(len(rows))
        batches = list(evaluation_batches(every, sizes[rows], _ENCODED_AT_ONCE, 1))
        parts = self.map(
            lambda batch: self.network.encode(
                NodeBatch.select(nodes, rows[batch.rows].to(self.device), batch.num_steps)
            ).float(),
            batches,
        )
        latents = torch.empty(len(rows), self.network.latent_dim, device=self.device)
        for batch, part in zip(batches, parts, strict=True):
            latents[batch.rows.to(self.device)] = part
        return latents

    def decode(self, latents: Tensor, machine: ConstraintMachine, batch_size: int) -> Tensor:
        """Return the greedily decoded programs of latents (rows, latent_dim).

        Args:
            latents: anywhere.
            machine: with the budget, on the network's device.
            batch_size: latents decoded at a time.

        Returns:
            int64 (rows, max_steps) on the CPU, padded with -1.
        """
        parts = self.map(
            lambda part: decode(self.network, part.to(self.device), machine).cpu(),
            latents.split(max(1, min(batch_size, -(-len(latents) // self._workers.num_parts)))),
        )
        empty = torch.full((0, machine.max_steps), PAD_ID)
        return torch.cat([empty, *parts])
