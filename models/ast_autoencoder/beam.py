"""Beam search: the most likely programs of a latent, best first."""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.ast_autoencoder.decoding import Stepper
from models.ast_autoencoder.network.network import AstAutoencoder
from models.grammar.derivation import PAD_ID
from models.programs.language.machine import ConstraintMachine


@torch.no_grad()
def beam_search(
    network: AstAutoencoder,
    latents: Tensor,
    machine: ConstraintMachine,
    width: int,
    prefix: Sequence[int] = (),
) -> tuple[Tensor, Tensor]:
    """Return the programs that a beam of the given width finds for each latent.

    Args:
        network: in evaluation mode.
        latents: (batch, latent_dim), on the machine's device.
        machine: with the budget.
        width: programs kept for each latent; 1 is greedy.
        prefix: what every program starts with, a legal beginning.

    Returns:
        int64 (batch, width, max_steps), padded with -1, best first, and float32 (batch, width),
        the log-probability of each, which counts only what was allowed; -inf where a beam found
        fewer programs (its row repeats another).
    """
    batch = len(latents)
    stepper = Stepper(network, machine)
    prefixes = stepper.begin(latents.repeat_interleave(width, dim=0))
    first = torch.arange(batch, device=latents.device)[:, None] * width
    total = torch.full((batch, width), -torch.inf, device=latents.device)
    fixed = torch.tensor([*prefix], dtype=torch.int64, device=latents.device)
    total[:, 0] = 0.0  # all beams are alike at first
    ids = torch.full((batch * width, machine.max_steps), PAD_ID, device=latents.device)
    for step in range(machine.max_steps):
        done = prefixes.machine.done
        if bool(done.all()):
            break
        offers, looked = stepper.offers(prefixes)
        scores = offers.spread()
        if step < len(prefix):
            scores.fill_(-torch.inf).index_fill_(1, fixed[step : step + 1], 0.0)
        likely = torch.log_softmax(scores, dim=1)
        # A complete row goes on in one way only, at no cost.
        likely = torch.where(done[:, None], -torch.inf, likely)
        likely[:, 0] = torch.where(done, 0.0, likely[:, 0])
        total, place = (total.flatten()[:, None] + likely).view(batch, -1).topk(width, dim=1)
        # Where the rules leave fewer programs than the beam is wide, the best one is repeated.
        place = torch.where(total > -torch.inf, place, place[:, :1])
        rows = (first + place // machine.num_productions).flatten()
        chosen = (place % machine.num_productions).flatten()
        ids = ids[rows]
        ids[:, step] = torch.where(done[rows], PAD_ID, chosen)
        prefixes = stepper.take(prefixes.select(rows), looked.select(rows), chosen)
    return ids.view(batch, width, -1), total
