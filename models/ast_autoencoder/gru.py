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
    gates = torch.add(x[:, : 2 * hidden], product[:, : 2 * hidden]).sigmoid_()
    new = torch.addcmul(x[:, 2 * hidden :], gates[:, :hidden], product[:, 2 * hidden :].float())
    return torch.lerp(new.tanh_(), state, gates[:, hidden:])


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
        update = gates[..., hidden:]
        # What the gradient of a state is multiplied with, for: new's input, reset, update and
        # the state's product in new; the first three are the gradient of x, the last three with
        # the state's product make that of the state.
        factors = x_factors = news.new_empty((time, batch, 4, hidden))
        torch.mul(1 - update, 1 - news * news, out=factors[:, :, 0])
        _sigmoid_slope(factors[:, :, 0] * products, gates[..., :hidden], factors[:, :, 1])
        _sigmoid_slope(states[:-1] - news, update, factors[:, :, 2])
        torch.mul(factors[:, :, 0], gates[..., :hidden], out=factors[:, :, 3])
        carry = torch.zeros_like(news[0])
        low = _by_state(weight)
        for step in range(time - 1, -1, -1):
            carry += grad[step]
            factors[step] *= carry[:, None]
            carry *= update[step]
            of_state = factors[step, :, 1:].reshape(batch, 3 * hidden).to(weight.dtype)
            carry += of_state @ low
        slopes = x_factors[:, :, 1:].reshape(time * batch, 3 * hidden)
        low_slopes = slopes.to(weight.dtype)
        grad_weight = low_slopes.t() @ states[:-1].reshape(time * batch, hidden).to(weight.dtype)
        grad_x = torch.cat([x_factors[:, :, 1], x_factors[:, :, 2], x_factors[:, :, 0]], dim=-1)
        return grad_x, carry, grad_weight, slopes.sum(0)


def _by_state(weight: Tensor) -> Tensor:
    """Return the weights as they multiply gradients of (reset, update, new)."""
    return weight.contiguous()


def _sigmoid_slope(outer: Tensor, gate: Tensor, out: Tensor) -> None:
    torch.mul(outer, gate - gate * gate, out=out)
