"""One GRU layer on a CPU: few large operations, and nothing repeated that is the same every step.

PyTorch's own CPU layer takes some 20 small operations a step forward and more backward. Here a
step takes one matrix product and about ten element-wise operations on buffers that stay in the
cache, and the gradients of the weights are computed for all steps at once.
"""

from typing import Any

import torch
from torch import Tensor


class CpuGruLayer(torch.autograd.Function):
    """A layer as `torch.gru` computes it; the state is wide, products may be bfloat16.

    In the order n, r, z, q (q being the recurrent part of n) the gradients that go to the input
    are the first three gates and those that go to the state the last three: each is one slice.
    """

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
        x_new, x_others = x.split([hidden, 2 * hidden], dim=1)
        low = start.new_empty(batch, hidden, dtype=dtype)
        wide = dtype == start.dtype
        states[0] = start
        state_at, gate_at, candidate_at = states.unbind(), gates.unbind(), candidates.unbind()
        others_at = gates[..., : 2 * hidden].unbind()
        reset_at, update_at, recurrent_at = (part.unbind() for part in gates.split(hidden, dim=-1))
        input_at = inputs.unbind()
        minus_one = start.new_tensor(-1.0)
        # Every call of torch costs a microsecond and hands the interpreter to other threads, so
        # the views are made at once and each step has as few calls as there are operations.
        for step in range(num_steps):
            if step < len(input_at):  # of an input that stays the same there is one
                x.copy_(input_at[step])
            before, gate, candidate = state_at[step], gate_at[step], candidate_at[step]
            if wide:
                torch.addmm(bias, before, transposed, out=gate)
            else:
                torch.add(bias, torch.mm(low.copy_(before), transposed), out=gate)
            others_at[step].add_(x_others).sigmoid_()
            torch.addcmul(x_new, reset_at[step], recurrent_at[step], out=candidate)
            candidate.mul_(2).sigmoid_()  # tanh is several times slower
            torch.add(minus_one, candidate, alpha=2, out=candidate)
            torch.lerp(candidate, before, update_at[step], out=state_at[step + 1])
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
        state_at, candidate_at, grad_at = states.unbind(), candidates.unbind(), grads[0].unbind()
        reset_at, update_at, recurrent_at = (part.unbind() for part in gates.split(hidden, dim=-1))
        d_gates_at, d_recurrent_at = d_gates.unbind(), d_gates[..., hidden:].unbind()
        # These take the outputs of sigmoid and tanh, so that neither is computed again.
        of_sigmoid, of_tanh = torch.ops.aten.sigmoid_backward, torch.ops.aten.tanh_backward
        for step in reversed(range(steps)):
            reset, update, candidate = reset_at[step], update_at[step], candidate_at[step]
            torch.add(carry, grad_at[step], out=d_state)
            torch.sub(state_at[step], candidate, out=product).mul_(d_state)
            of_sigmoid.grad_input(product, update, grad_input=d_z)
            torch.mul(d_state, update, out=carry)
            d_state.sub_(carry)
            of_tanh.grad_input(d_state, candidate, grad_input=d_n)
            torch.mul(d_n, reset, out=d_q)
            torch.mul(d_n, recurrent_at[step], out=product)
            of_sigmoid.grad_input(product, reset, grad_input=d_r)
            d_gates_at[step].copy_(d_gate)
            carry.add_(torch.mm(d_recurrent_at[step], weight))
        flat = d_gates[:, :, hidden:].flatten(0, 1)
        d_weight = torch.mm(flat.t(), states[:-1].flatten(0, 1).to(ctx.dtype))
        d_bias = flat.sum(0, dtype=carry.dtype)
        d_inputs = d_gates[:, :, : 3 * hidden].sum_to_size(ctx.inputs_shape)
        return d_inputs, d_weight.to(carry.dtype), d_bias, carry, None, None
