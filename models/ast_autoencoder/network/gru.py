"""One step of a GRU whose input products are made beforehand, for free-running decoding.

Whole sequences run through `models.layers.gru`, where every step's input is known.
"""

import torch
from torch import Tensor


def gru_step(x: Tensor, state: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the state after one step as `torch.nn.GRU` computes it, float32 (batch, hidden).

    Args:
        x: (batch, 3 * hidden), input products with their bias, in the order reset, update, new.
        state: float32 (batch, hidden), before the step.
        weight: (3 * hidden, hidden), of the state; its dtype is that of the product.
        bias: (3 * hidden,), of the state.
    """
    hidden = state.shape[1]
    product = torch.addmm(bias.to(weight.dtype), state.to(weight.dtype), weight.t())
    gates = torch.add(x[:, : 2 * hidden], product[:, : 2 * hidden]).float().sigmoid_()
    new = (gates[:, :hidden] * product[:, 2 * hidden :]).add_(x[:, 2 * hidden :])
    new.mul_(2).sigmoid_().mul_(2).sub_(1)  # tanh, which is several times slower on a CPU
    return torch.lerp(new, state, gates[:, hidden:])
