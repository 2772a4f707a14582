"""Free-running decoding: every program compiles, since the machine decides what may follow.

The loop runs on the device for a batch at once. Rows that are complete are left out of the steps
that follow, a few steps at a time.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.ast_autoencoder.network.columns import columns
from models.ast_autoencoder.network.decoder import GruState
from models.ast_autoencoder.network.network import AstAutoencoder
from models.ast_autoencoder.network.transformer import TransformerState
from models.errors import UserError
from models.grammar.decoding import best_production
from models.grammar.derivation import PAD_ID
from models.programs.language.kinds import NUM_SLOTS
from models.programs.language.machine import ConstraintMachine, MachineState

STEPS_BETWEEN = 4
"""Complete rows are dropped every so many steps: dropping copies the state of the others."""

_MOST_DEFINED = 2
"""Slots that one production defines at most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Prefixes:
    """Where the decoding of each row stands.

    Args:
        machine: what may follow.
        decoder: the decoder's state.
        keys: (batch, slots, width), of the pointer.
        previous: int64 (batch,), production before; their number at the start.
    """

    machine: MachineState
    decoder: GruState | TransformerState
    keys: Tensor
    previous: Tensor

    def select(self, rows: Tensor) -> "Prefixes":
        """Return some rows, in that order; rows may repeat."""
        return Prefixes(
            machine=self.machine.select(rows),
            decoder=self.decoder.select(rows),
            keys=self.keys.index_select(0, rows),
            previous=self.previous[rows],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Offers:
    """What may follow prefixes: the W productions of each one's context, ascending.

    Args:
        scores: float32 (batch, W).
        allowed: bool (batch, W).
        symbol: int64 (batch,), the context.
        of_context: int64 (contexts, W), productions; behind those of a context their number.
        num_productions: their number.
    """

    scores: Tensor
    allowed: Tensor
    symbol: Tensor
    of_context: Tensor
    num_productions: int

    @property
    def productions(self) -> Tensor:
        """Int64 (batch, W)."""
        return self.of_context.index_select(0, self.symbol)

    def at(self, place: Tensor) -> Tensor:
        """Return the productions, int64 (batch,), at places (batch,)."""
        index = torch.add(place, self.symbol, alpha=self.of_context.shape[1])
        return self.of_context.flatten().index_select(0, index)

    def spread(self) -> Tensor:
        """Return the scores of what is allowed by production, else -inf, (batch, productions)."""
        scores = torch.where(self.allowed, self.scores, -torch.inf)
        wide = scores.new_full((len(scores), self.num_productions + 1), -torch.inf)
        return wide.scatter_(1, self.productions, scores)[:, :-1]


class Stepper:
    """Scores what may follow prefixes, and takes it.

    Args:
        network: in evaluation mode.
        machine: with the budget, on the network's device.
    """

    def __init__(self, network: AstAutoencoder, machine: ConstraintMachine) -> None:
        self.network = network
        self.machine = machine
        column = torch.as_tensor(columns().column, device=machine.device)
        of_context = machine.productions
        self.columns = column[of_context.clamp(max=machine.num_productions - 1)]
        self.first_keys = network.head.first_keys()
        self.new = torch.arange(_MOST_DEFINED, device=machine.device)

    def begin(self, latents: Tensor) -> Prefixes:
        """Return empty prefixes for latents (batch, latent_dim)."""
        batch = len(latents)
        decoder = self.network.decoder.begin(latents, self.machine.max_steps)
        keys = self.first_keys.to(decoder.reads.table.dtype)
        return Prefixes(
            machine=self.machine.start(batch),
            decoder=decoder,
            keys=keys.repeat(batch, 1, 1),
            previous=torch.full((batch,), self.machine.num_productions, device=latents.device),
        )

    def offers(self, prefixes: Prefixes) -> tuple[Offers, "Looked"]:
        """Return what may follow, with its scores."""
        contexts = self.machine.contexts(prefixes.machine)
        features, decoder = self.network.decoder.step(
            prefixes.decoder,  # pyright: ignore[reportArgumentType] (each kind makes its own)
            prefixes.previous,
            contexts.symbol,
            prefixes.machine.num_nodes,
        )
        scores = self.network.head(features[None], prefixes.keys)[0]
        offers = Offers(
            scores=scores.gather(1, self.columns.index_select(0, contexts.symbol)).float(),
            allowed=self.machine.candidates(contexts),
            symbol=contexts.symbol,
            of_context=self.machine.productions,
            num_productions=self.machine.num_productions,
        )
        return offers, Looked(features=features, decoder=decoder)

    def take(self, prefixes: Prefixes, looked: "Looked", chosen: Tensor) -> Prefixes:
        """Return the prefixes with one production more, int64 (batch,); complete rows stay.

        Those before are not to be used any more: machine and keys are written into.
        """
        before = prefixes.machine.num_slots[:, None]
        machine = self.machine.advance(prefixes.machine, chosen)
        is_new = self.new < machine.num_slots[:, None] - before
        # Slots of their own, also behind the last one, where the keys are left as they are.
        slot = (before + self.new).remainder(NUM_SLOTS)  # (batch, 2)
        key = F.embedding(slot, self.first_keys) + self.network.head.key(looked.features)[:, None]
        place = slot[..., None].expand_as(key)
        old = prefixes.keys.gather(1, place)
        keys = prefixes.keys.scatter_(
            1, place, torch.where(is_new[..., None], key.to(old.dtype), old)
        )
        return Prefixes(machine=machine, decoder=looked.decoder, keys=keys, previous=chosen)


@dataclass(frozen=True, kw_only=True, eq=False)
class Looked:
    """What scoring worked out that taking needs: features (batch, hidden) and the next state."""

    features: Tensor
    decoder: GruState | TransformerState

    def select(self, rows: Tensor) -> "Looked":
        """Return some rows, in that order; rows may repeat."""
        return Looked(features=self.features[rows], decoder=self.decoder.select(rows))


Choose = Callable[[Offers], Tensor]
"""From what may follow to the places (batch,) in it of what does."""


def best_offer(offers: Offers) -> Tensor:
    """Choose what scores best."""
    return best_production(offers.scores, offers.allowed)


@torch.no_grad()
def decode(
    network: AstAutoencoder,
    latents: Tensor,
    machine: ConstraintMachine,
    choose: Choose = best_offer,
) -> Tensor:
    """Decode latents to complete programs.

    Args:
        network: in evaluation mode.
        latents: (batch, latent_dim), on the machine's device.
        machine: with the budget.
        choose: `best_offer` is greedy; see `sampler`.

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
        offers, looked = stepper.offers(prefixes)
        chosen = offers.at(choose(offers))
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

    def choose(offers: Offers) -> Tensor:
        scores, allowed = offers.scores, offers.allowed
        if top_k is not None and top_k < scores.shape[1]:
            among = torch.where(allowed, scores, -torch.inf)
            least = among.topk(top_k, dim=1).values[:, -1:]
            allowed = allowed & (among >= least)
        # The largest of Gumbel-perturbed scores is a sample of their softmax. A number is drawn for
        # every production, allowed or not, so that a seed gives what it gave.
        size = len(scores), offers.num_productions
        noise = torch.empty(size, device=scores.device).exponential_(generator=generator).log()
        drawn = noise.gather(1, offers.productions.clamp(max=offers.num_productions - 1))
        return best_production(scores / temperature - drawn, allowed)

    return choose
