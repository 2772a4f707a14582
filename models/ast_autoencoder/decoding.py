"""Free-running decoding: every program compiles, since the machine decides what may follow.

The loop runs on the device for a batch at once. Rows that are complete are left out of the steps
that follow, a few steps at a time.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from models.ast_autoencoder.network.columns import columns
from models.ast_autoencoder.network.decoder import GruState
from models.ast_autoencoder.network.network import AstAutoencoder
from models.ast_autoencoder.network.transformer import TransformerState
from models.errors import UserError
from models.grammar.decoding import best_production
from models.grammar.derivation import PAD_ID
from models.programs.language.graph_tables import graph_tables
from models.programs.language.machine import ConstraintMachine, MachineState

STEPS_BETWEEN = 4
"""Complete rows are dropped every so many steps: dropping copies the state of the others."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Prefixes:
    """Where the decoding of each row stands.

    Args:
        machine: what may follow.
        decoder: the decoder's state.
        keys: (batch, slots, width), of the pointer.
        previous: int64 (batch,), production before; their number at the start.
        node: int64 (batch,), nodes made so far.
    """

    machine: MachineState
    decoder: GruState | TransformerState
    keys: Tensor
    previous: Tensor
    node: Tensor

    def select(self, rows: Tensor) -> "Prefixes":
        """Return some rows, in that order; rows may repeat."""
        return Prefixes(
            machine=self.machine.select(rows),
            decoder=self.decoder.select(rows),
            keys=self.keys[rows],
            previous=self.previous[rows],
            node=self.node[rows],
        )


class Stepper:
    """Scores what may follow prefixes, and takes it.

    Args:
        network: in evaluation mode.
        machine: with the budget, on the network's device.
    """

    def __init__(self, network: AstAutoencoder, machine: ConstraintMachine) -> None:
        tables = graph_tables()
        self.network = network
        self.machine = machine
        self.column = torch.as_tensor(columns().column, device=machine.device)
        self.defines = torch.as_tensor(tables.defines, device=machine.device)
        self.makes_node = torch.as_tensor(tables.kind >= 0, device=machine.device)

    def begin(self, latents: Tensor) -> Prefixes:
        """Return empty prefixes for latents (batch, latent_dim)."""
        batch = len(latents)
        zeros = torch.zeros(batch, dtype=torch.int64, device=latents.device)
        return Prefixes(
            machine=self.machine.start(batch),
            decoder=self.network.decoder.begin(latents, self.machine.max_steps),
            keys=self.network.head.first_keys(batch),
            previous=zeros + self.machine.num_productions,
            node=zeros,
        )

    def scores(self, prefixes: Prefixes) -> tuple[Tensor, Tensor, "Looked"]:
        """Return float32 scores and what is allowed, (batch, productions) each."""
        contexts = self.machine.contexts(prefixes.machine)
        features, decoder = self.network.decoder.step(
            prefixes.decoder,  # pyright: ignore[reportArgumentType] (each kind makes its own)
            prefixes.previous,
            contexts.symbol.long(),
            prefixes.node,
        )
        head = self.network.head(features[None], prefixes.keys)[0]
        scores = head.index_select(1, self.column).float()
        looked = Looked(features=features, decoder=decoder)
        return scores, self.machine.allowed_in(contexts), looked

    def take(self, prefixes: Prefixes, looked: "Looked", chosen: Tensor) -> Prefixes:
        """Return the prefixes with one production more, int64 (batch,); complete rows stay."""
        defined = self.defines[chosen] * ~prefixes.machine.done
        slot = prefixes.machine.num_slots.clamp(max=prefixes.keys.shape[1] - 1)
        key = self.network.head.key(looked.features).to(prefixes.keys.dtype)
        place = torch.arange(prefixes.keys.shape[1], device=slot.device) - slot[:, None]
        here = ((place >= 0) & (place < defined[:, None]))[..., None]
        return Prefixes(
            machine=self.machine.advance(prefixes.machine, chosen),
            decoder=looked.decoder,
            keys=prefixes.keys + here * key[:, None],
            previous=chosen,
            node=prefixes.node + self.makes_node[chosen],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Looked:
    """What scoring worked out that taking needs: features (batch, hidden) and the next state."""

    features: Tensor
    decoder: GruState | TransformerState

    def select(self, rows: Tensor) -> "Looked":
        """Return some rows, in that order; rows may repeat."""
        return Looked(features=self.features[rows], decoder=self.decoder.select(rows))


Choose = Callable[[Tensor, Tensor], Tensor]
"""From scores and what is allowed, (batch, productions) each, to int64 (batch,)."""


@torch.no_grad()
def decode(
    network: AstAutoencoder,
    latents: Tensor,
    machine: ConstraintMachine,
    choose: Choose = best_production,
) -> Tensor:
    """Decode latents to complete programs.

    Args:
        network: in evaluation mode.
        latents: (batch, latent_dim), on the machine's device.
        machine: with the budget.
        choose: `best_production` is greedy; see `sampler`.

    Returns:
        int64 (batch, max_steps), padded with -1.
    """
    stepper = Stepper(network, machine)
    out = torch.full((len(latents), machine.max_steps), PAD_ID, device=latents.device)
    if len(latents) == 0:
        return out
    prefixes = stepper.begin(latents)
    rows = torch.arange(len(latents), device=latents.device)
    for step in range(machine.max_steps):
        scores, allowed, looked = stepper.scores(prefixes)
        chosen = choose(scores, allowed)
        out[rows, step] = torch.where(prefixes.machine.done, PAD_ID, chosen)
        prefixes = stepper.take(prefixes, looked, chosen)
        if step % STEPS_BETWEEN == STEPS_BETWEEN - 1:
            still_open = (~prefixes.machine.done).nonzero().squeeze(1)
            if len(still_open) == 0:
                break
            if len(still_open) < len(rows):
                rows, prefixes = rows[still_open], prefixes.select(still_open)
    return out


def sampler(generator: torch.Generator, temperature: float, top_k: int | None = None) -> Choose:
    """Return a choice at random, from the softmax of `scores / temperature`.

    Args:
        generator: on the device of the scores.
        temperature: above 0.
        top_k: consider only so many of the best that are allowed.

    Raises:
        UserError: a temperature or top_k out of range.
    """
    if not 0 < temperature < math.inf:
        raise UserError(f"temperature is {temperature}: it must be above 0 (0 decodes greedily)")
    if top_k is not None and top_k < 1:
        raise UserError(f"top_k is {top_k}: it must be 1 or more")

    def choose(scores: Tensor, allowed: Tensor) -> Tensor:
        if top_k is not None and top_k < scores.shape[1]:
            among = torch.where(allowed, scores, -torch.inf)
            least = among.topk(top_k, dim=1).values[:, -1:]
            allowed = allowed & (among >= least)
        # The largest of Gumbel-perturbed scores is a sample of their softmax.
        noise = torch.empty_like(scores).exponential_(generator=generator)
        return best_production(scores / temperature - noise.log(), allowed)

    return choose
