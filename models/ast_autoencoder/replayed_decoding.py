"""Greedy decoding of large batches on a GPU: a few steps at a time, as replays of a CUDA graph.

A step is some two hundred operations that take the host longer to launch than the device to work
out. So batches have one size, complete rows stay in them, and the host is asked every few steps
whether a row is left. For decoders whose state has a fixed shape.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from models.ast_autoencoder.decoding import Prefixes, Stepper
from models.ast_autoencoder.network.decoder import GruState
from models.ast_autoencoder.network.network import AstAutoencoder
from models.grammar.decoding import best_production
from models.grammar.derivation import PAD_ID
from models.optimization.graphs import GraphCache
from models.programs.language.machine import ConstraintMachine

_STEPS_AT_ONCE = 8


class ReplayedDecoder:
    """Decodes up to `batch_size` latents at a time.

    Args:
        network: with a GRU decoder; in evaluation mode whenever this is called.
        machine: with the budget, on the network's device.
        batch_size: rows of every batch, filled up with rows that are complete.
        autocast: dtype of matrix products, or None.
        graphed: replay a CUDA graph; else the same operations are launched one by one.
    """

    def __init__(
        self,
        network: AstAutoencoder,
        machine: ConstraintMachine,
        batch_size: int,
        autocast: torch.dtype | None,
        *,
        graphed: bool = True,
    ) -> None:
        self.batch_size = batch_size
        self.machine = machine
        self._stepper = Stepper(network, machine)
        self._autocast = autocast
        self._graphs = GraphCache(self._preserve) if graphed else None
        self._prefixes: Prefixes | None = None
        num_columns = -(-machine.max_steps // _STEPS_AT_ONCE) * _STEPS_AT_ONCE
        self._ids = torch.full((batch_size, num_columns), PAD_ID, device=machine.device)
        self._step = torch.zeros(1, dtype=torch.int64, device=machine.device)

    @torch.no_grad()
    def __call__(self, latents: Tensor) -> Tensor:
        """Return int64 (rows, max_steps), padded with -1, of latents (rows, latent_dim)."""
        prefixes = self._load(latents)
        for _ in range(0, self.machine.max_steps, _STEPS_AT_ONCE):
            if self._graphs is None:
                self._steps()
            else:
                self._graphs.run("steps", self._steps)
            if bool(prefixes.machine.done.all()):
                break
        return self._ids[: len(latents), : self.machine.max_steps].clone()

    def _load(self, latents: Tensor) -> Prefixes:
        """Put empty prefixes where the graph reads them; rows that fill up are complete."""
        filler = latents[-1:].expand(self.batch_size - len(latents), -1)
        with self._products():
            fresh = self._stepper.begin(torch.cat([latents, filler]))
        fresh.machine.depth[len(latents) :] = 1
        if self._prefixes is None:
            self._prefixes = _copy(fresh)
        else:
            for place, value in zip(_tensors(self._prefixes), _tensors(fresh), strict=True):
                place.copy_(value)
        self._ids.fill_(PAD_ID)
        self._step.zero_()
        return self._prefixes

    def _steps(self) -> None:
        """Take a few steps, and leave the prefixes where they were."""
        assert self._prefixes is not None
        prefixes = self._prefixes
        for _ in range(_STEPS_AT_ONCE):
            with self._products():
                scores, allowed, looked = self._stepper.scores(prefixes)
                chosen = best_production(scores, allowed)
                ids = torch.where(prefixes.machine.done, PAD_ID, chosen)
                self._ids.index_copy_(1, self._step, ids[:, None])
                self._step += 1
                prefixes = self._stepper.take(prefixes, looked, chosen)
        for place, value in zip(_tensors(self._prefixes), _tensors(prefixes), strict=True):
            if place is not value:
                place.copy_(value)

    def _products(self) -> torch.autocast:
        # A cache would hold weights as they were at the capture.
        return torch.autocast(
            self.machine.device.type,
            dtype=self._autocast,
            enabled=self._autocast is not None,
            cache_enabled=False,
        )

    def _preserve(self) -> Callable[[], None]:
        """Remember where the batch stands, to undo a warm-up."""
        assert self._prefixes is not None
        tensors = [*_tensors(self._prefixes), self._ids, self._step]
        before = [tensor.clone() for tensor in tensors]

        def restore() -> None:
            for tensor, old in zip(tensors, before, strict=True):
                tensor.copy_(old)

        return restore


def _tensors(prefixes: Prefixes) -> list[Tensor]:
    """Return all tensors of prefixes, in one order."""
    decoder = prefixes.decoder
    assert isinstance(decoder, GruState)
    state = [decoder.reads, decoder.states, *decoder.tables]
    return [
        *vars(prefixes.machine).values(),
        *state,
        prefixes.keys,
        prefixes.previous,
        prefixes.node,
    ]


def _copy(prefixes: Prefixes) -> Prefixes:
    """Return prefixes with memory of their own for each tensor; some of a start share it."""
    decoder = prefixes.decoder
    assert isinstance(decoder, GruState)

    def own(tensor: Tensor) -> Tensor:
        return tensor.clone(memory_format=torch.contiguous_format)

    machine = {name: own(value) for name, value in vars(prefixes.machine).items()}
    return Prefixes(
        machine=type(prefixes.machine)(**machine),
        decoder=GruState(
            reads=own(decoder.reads),
            states=own(decoder.states),
            tables=tuple(map(own, decoder.tables)),
        ),
        keys=own(prefixes.keys),
        previous=own(prefixes.previous),
        node=own(prefixes.node),
    )
