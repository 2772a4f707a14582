"""Random programs: constrained sampling with given or uniform weights."""

import torch
from torch import Tensor

from models.grammar.decoding import best_production
from models.grammar.derivation import PAD_ID
from models.programs.language.machine import ConstraintMachine


def random_programs(
    machine: ConstraintMachine,
    batch: int,
    generator: torch.Generator,
    logits: Tensor | None = None,
) -> Tensor:
    """Sample programs, each step from the softmax of the logits over what is allowed.

    Args:
        machine: with the budget.
        batch: how many.
        generator: of the random numbers, on the machine's device.
        logits: (productions,) or (batch, max_steps, productions); by default all are equal.

    Returns:
        int64 (batch, max_steps): complete derivations, padded with -1.
    """
    state = machine.start(batch)
    steps: list[Tensor] = []
    shape = (batch, machine.num_productions)
    for step in range(machine.max_steps):
        scores = torch.rand(shape, device=machine.device, generator=generator)
        if logits is not None:
            # The largest of Gumbel-perturbed logits is a sample of their softmax.
            gumbel = -(-scores.log()).log()
            scores = gumbel + (logits if logits.ndim == 1 else logits[:, step])
        chosen = best_production(scores, machine.allowed(state))
        steps.append(torch.where(state.done, PAD_ID, chosen))
        state = machine.advance(state, chosen)
    return torch.stack(steps, dim=1)
