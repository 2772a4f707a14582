"""A GRU layer for CPUs whose input products are made beforehand, with a backward of its own.

`torch.gru` on a CPU runs a dozen operations a step, each way, in float32. Here a step is one
product in the dtype of the weights it is given (bfloat16 is four times as fast where the CPU
multiplies it) and six element-wise operations; what backward needs of every step is worked out
for all steps at once. The gates are those of `torch.nn.GRU`, computed in float32.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

_ROWS_AT_ONCE = 256
"""Rows whose factors are worked out together: more calls for fewer bytes at once."""


def gru_layer(x: Tensor, state: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the states after every step, (time, batch, hidden), float32.

    Args:
        x: float32 (time, batch, 3 * hidden), input products with their bias, in the gates' order
            of `torch.nn.GRU`: reset, update, new.
        state: float32 (batch, hidden), before the first step.
        weight: (3 * hidden, hidden), of the state; its dtype is that of the products.
        bias: (3 * hidden,), of the state.
    """
    return _GruLayer.apply(x, state, weight, bias)  # pyright: ignore[reportReturnType]


def gru_step(x: Tensor, state: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the state after one step, (batch, hidden); x is (batch, 3 * hidden)."""
    hidden = state.shape[1]
    product = torch.addmm(bias.to(weight.dtype), state.to(weight.dtype), weight.t())
    gates = torch.add(x[:, : 2 * hidden], product[:, : 2 * hidden]).float().sigmoid_()
    let_in = gates[:, :hidden] * product[:, 2 * hidden :]
    return torch.lerp(let_in.add_(x[:, 2 * hidden :]).tanh_(), state, gates[:, hidden:])


class _GruLayer(Function):
    """The layer; see `gru_layer`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, state: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Keep gates and states of every step for backward."""
        time, batch, width = x.shape
        hidden = width // 3
        states = x.new_empty((time + 1, batch, hidden))
        states[0] = state
        gates = x.new_empty((time, batch, 2 * hidden))
        news = x.new_empty((time, batch, hidden))
        products = x.new_empty((time, batch, hidden))
        low, low_bias = weight.t(), bias.to(weight.dtype)
        for step in range(time):
            product = torch.addmm(low_bias, states[step].to(weight.dtype), low)
            gate, new = gates[step], news[step]
            torch.add(x[step, :, : 2 * hidden], product[:, : 2 * hidden], out=gate)
            gate.sigmoid_()
            products[step] = product[:, 2 * hidden :]
            torch.addcmul(x[step, :, 2 * hidden :], gate[:, :hidden], products[step], out=new)
            new.tanh_()
            torch.lerp(new, states[step], gate[:, hidden:], out=states[step + 1])
        ctx.save_for_backward(states, gates, news, products, weight)
        return states[1:]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the gradients of x, state, weight and bias."""
        states, gates, news, products, weight = ctx.saved_tensors
        time, batch, hidden = news.shape
        (grad,) = grads
        grad_x = news.new_empty((time, batch, 3, hidden))
        # Gradients of the state's products, kept in the dtype that they are multiplied in.
        slopes = weight.new_empty((time, batch, 3, hidden))
        carry = torch.zeros_like(news[0])
        together = max(1, _ROWS_AT_ONCE // batch)
        for end in range(time, 0, -together):
            start = max(0, end - together)
            part = slice(start, end)
            factors = _factors(states[part], gates[part], news[part], products[part])
            for step in range(end - 1, start - 1, -1):
                carry += grad[step]
                factor = factors[step - start]
                torch.mul(factor[:, :3], carry[:, None], out=grad_x[step])
                slopes[step, :, :2] = grad_x[step, :, :2]
                torch.mul(factor[:, 3], carry, out=slopes[step, :, 2])
                carry *= gates[step, :, hidden:]
                carry += slopes[step].view(batch, 3 * hidden) @ weight
        flat = slopes.view(time * batch, 3 * hidden)
        grad_weight = flat.t() @ states[:-1].to(weight.dtype).view(time * batch, hidden)
        grad_bias = flat.sum(0, dtype=torch.float32)
        return grad_x.view(time, batch, 3 * hidden), carry, grad_weight, grad_bias


def _factors(states: Tensor, gates: Tensor, news: Tensor, products: Tensor) -> Tensor:
    """Return what a state's gradient is multiplied with, (time, batch, 4, hidden).

    That gives the gradients of the inputs of reset, update and new, and of the state's product
    that the reset gate lets into new.
    """
    hidden = news.shape[-1]
    reset, update = gates[..., :hidden], gates[..., hidden:]
    factors = news.new_empty((*news.shape[:-1], 4, hidden))
    new = torch.addcmul(torch.ones_like(news), news, news, value=-1)
    new = torch.addcmul(new, new, update, value=-1, out=factors[..., 2, :])
    let_in = torch.mul(new, reset, out=factors[..., 3, :])
    slope = torch.addcmul(let_in, let_in, reset, value=-1)
    torch.mul(slope, products, out=factors[..., 0, :])
    slope = torch.addcmul(update, update, update, value=-1)
    torch.mul(slope, states - news, out=factors[..., 1, :])
    return factors
