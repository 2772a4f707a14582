"""One GRU layer on a CPU: few large operations, and nothing repeated that is the same every step.

PyTorch's own CPU layer takes some 20 small operations a step forward and more backward. Here a
step takes one matrix product and six element-wise operations; all gradients of weights, and all
factors of the backward pass that do not depend on it, are computed for all steps at once.
"""

from typing import Any

import torch
from torch import Tensor


class CpuGruLayer(torch.autograd.Function):
    """A layer as `torch.gru` computes it; the state is wide, products may be bfloat16."""

    @staticmethod
    def forward(  # noqa: PLR0917 (autograd passes by position)
        ctx: Any,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor,
        start: Tensor,
        num_steps: int,
        dtype: torch.dtype,
    ) -> Tensor:
        """Return the states (time, batch, hidden), of the start's dtype.

        Args:
            ctx: autograd's.
            inputs: (time or 1, batch or 1, 3 * hidden), the input's part of the gates
                n, r, z; with 1 it is the same throughout.
            weight: (3 * hidden, hidden), recurrent, of the gates r, z, n.
            bias: (3 * hidden,), recurrent.
            start: (batch, hidden), of the dtype of the inputs.
            num_steps: time.
            dtype: of the matrix products.
        """
        batch, hidden = start.shape
        transposed = weight.to(dtype).t()
        states = start.new_empty(num_steps + 1, batch, hidden)
        gates = start.new_empty(num_steps, batch, 3 * hidden)  # r, z and the recurrent part of n
        candidates = start.new_empty(num_steps, batch, hidden)
        states[0] = start
        for step in range(num_steps):
            x = inputs[step if len(inputs) > 1 else 0]
            before, gate, candidate = states[step], gates[step], candidates[step]
            if dtype == start.dtype:
                torch.addmm(bias, before, transposed, out=gate)
            else:
                torch.add(torch.mm(before.to(dtype), transposed).to(start.dtype), bias, out=gate)
            reset_and_update = gate[:, : 2 * hidden]
            reset_and_update.add_(x[:, hidden:]).sigmoid_()
            torch.addcmul(x[:, :hidden], gate[:, :hidden], gate[:, 2 * hidden :], out=candidate)
            candidate.mul_(2).sigmoid_().mul_(2).sub_(1)  # tanh, which is several times slower
            torch.lerp(candidate, before, gate[:, hidden : 2 * hidden], out=states[step + 1])
        ctx.save_for_backward(states, gates, candidates, weight)
        ctx.dtype = dtype
        ctx.inputs_shape = inputs.shape
        return states[1:]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of `forward`'s tensors."""
        states, gates, candidates, weight = ctx.saved_tensors
        steps, batch, hidden = candidates.shape
        weight = weight.to(ctx.dtype)
        reset, update, recurrent = gates.split(hidden, dim=-1)
        # d n / d h, d z / d h and d r / d n of every step.
        of_candidate = (1 - update).mul_(1 - candidates.square())
        of_update = (states[:-1] - candidates).mul_(update).mul_(1 - update)
        of_reset = (recurrent * reset).mul_(1 - reset)
        d_gates = gates.new_empty(steps, batch, 4 * hidden)  # n, r, z, recurrent part of n
        products = torch.empty(steps, batch, 3 * hidden, dtype=ctx.dtype)  # the last three of it
        carry = torch.zeros_like(states[0])
        d_state = torch.empty_like(carry)
        for step in reversed(range(steps)):
            torch.add(carry, grads[0][step], out=d_state)
            d_n, d_r, d_z, d_q = d_gates[step].split(hidden, dim=-1)
            torch.mul(d_state, of_candidate[step], out=d_n)
            torch.mul(d_state, of_update[step], out=d_z)
            torch.mul(d_n, of_reset[step], out=d_r)
            torch.mul(d_n, reset[step], out=d_q)
            products[step] = d_gates[step, :, hidden:]
            torch.mul(d_state, update[step], out=carry)
            carry += torch.mm(products[step], weight)
        flat = products.flatten(0, 1)
        d_weight = torch.mm(flat.t(), states[:-1].flatten(0, 1).to(ctx.dtype))
        d_bias = d_gates[:, :, hidden:].sum((0, 1))
        d_inputs = d_gates[:, :, : 3 * hidden].sum_to_size(ctx.inputs_shape)
        return d_inputs, d_weight.to(carry.dtype), d_bias, carry, None, None
