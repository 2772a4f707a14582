"""One GRU layer on a CPU: few large operations, and nothing repeated that is the same every step.

PyTorch's own CPU layer takes some 20 small operations a step forward and more backward. Here a
step takes one matrix product and about ten element-wise operations on buffers that stay in the
cache, and the gradients of the weights are computed for all steps at once.
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
        x = start.new_empty(inputs.shape[1], 3 * hidden)
        states[0] = start
        for step in range(num_steps):
            if step < len(inputs):
                x.copy_(inputs[step])
            before, gate, candidate = states[step], gates[step], candidates[step]
            if dtype == start.dtype:
                torch.addmm(bias, before, transposed, out=gate)
            else:
                gate.copy_(torch.mm(before.to(dtype), transposed)).add_(bias)
            gate[:, : 2 * hidden].add_(x[:, hidden:]).sigmoid_()
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
        # All of n, r, z and the recurrent part of n; a step's are kept wide only while in use.
        d_gates = torch.empty(steps, batch, 4 * hidden, dtype=ctx.dtype)
        d_gate = gates.new_empty(batch, 4 * hidden)
        d_n, d_r, d_z, d_q = d_gate.split(hidden, dim=-1)
        carry = torch.zeros_like(states[0])
        d_state, product = torch.empty_like(carry), torch.empty_like(carry)
        for step in reversed(range(steps)):
            reset, update, recurrent = gates[step].split(hidden, dim=-1)
            candidate = candidates[step]
            torch.add(carry, grads[0][step], out=d_state)
            torch.sub(states[step], candidate, out=product).mul_(d_state).mul_(update)
            torch.addcmul(product, product, update, value=-1, out=d_z)
            torch.mul(d_state, update, out=carry)
            d_state -= carry
            torch.mul(d_state, candidate, out=product)
            torch.addcmul(d_state, product, candidate, value=-1, out=d_n)
            torch.mul(d_n, reset, out=d_q)
            torch.mul(d_q, recurrent, out=product)
            torch.addcmul(product, product, reset, value=-1, out=d_r)
            d_gates[step] = d_gate
            carry += torch.mm(d_gates[step, :, hidden:], weight)
        flat = d_gates[:, :, hidden:].flatten(0, 1)
        d_weight = torch.mm(flat.t(), states[:-1].flatten(0, 1).to(ctx.dtype))
        d_bias = flat.sum(0, dtype=carry.dtype)
        d_inputs = d_gates[:, :, : 3 * hidden].sum_to_size(ctx.inputs_shape)
        return d_inputs, d_weight.to(carry.dtype), d_bias, carry, None, None
