"""One GRU layer on the GPU: our kernels over time, matrix products over all steps at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from models.layers.column_sums import gate_sums
from models.layers.cuda_kernels import Kernel, load_kernel

_FOLDER = Path(__file__).parent
MAX_HIDDEN = 512
"""Above this the recurrent weight no longer fits the registers of eight blocks."""
_TILE_ROWS = 16  # of a tensor core's operand
_AHEAD = 4
"""Steps that the kernels fetch ahead."""


@dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """How a layer of `hidden` units is spread over the card.

    Attributes:
        hidden: units.
        padded: units the kernels compute, with zero weights behind the real ones.
        cluster: blocks that share the units.
    """

    hidden: int
    padded: int
    cluster: int

    @property
    def threads(self) -> int:
        """Threads of a block: a warp for each 8 units."""
        return self.padded // self.cluster // 8 * 32

    @property
    def rows(self) -> int:
        """Rows of the batch that a cluster takes through all steps."""
        return 8 if self.cluster == 1 else _TILE_ROWS

    def blocks(self, batch: int) -> int:
        """Return the blocks of the grid."""
        return -(-batch // self.rows) * self.cluster

    def kernel(self, name: str, device: torch.device) -> Kernel:
        """Return `gru_forward` or `gru_backward`."""
        # Shared memory as the two .cu files lay it out: what changes there changes here.
        if name == "gru_forward":
            shared = 4 * _TILE_ROWS * (self.padded + 8) + (64 + 24 * _AHEAD) * self.threads
        else:
            own = 3 * self.padded // self.cluster
            shared = (32 * self.cluster + 64 + 48 * _AHEAD) * self.threads
            shared += 2 * _TILE_ROWS * (own + 8)
        sizes = (("HIDDEN", self.hidden), ("HP", self.padded), ("CLUSTER", self.cluster))
        return load_kernel(
            (_FOLDER / "gru_shared.cu", _FOLDER / f"{name}.cu"), name, sizes, shared, device
        )


def plan_layer(hidden: int) -> LayerPlan:
    """Return the plan for a layer of at most `MAX_HIDDEN` units."""
    assert hidden <= MAX_HIDDEN
    cluster = 1 if hidden <= 128 else 4 if hidden <= 256 else 8
    multiple = 16 * cluster
    return LayerPlan(hidden=hidden, padded=-(-hidden // multiple) * multiple, cluster=cluster)


class GruLayer(torch.autograd.Function):
    """A layer as `torch.gru` computes it, in bfloat16 with a float32 state."""

    @staticmethod
    def forward(  # noqa: PLR0917 (autograd passes by position)
        ctx: Any,
        inputs: Tensor | None,
        constant: Tensor,
        weight: Tensor,
        bias: Tensor,
        start: Tensor,
        num_steps: int,
    ) -> Tensor:
        """Return the states (time, batch, padded), bfloat16.

        Args:
            ctx: autograd's.
            inputs: (time, batch, 3 * padded) bfloat16, the input's part of the gates r, z, n.
            constant: (batch or 1, 3 * hidden) float32, a part that is the same at every step.
            weight: (3 * hidden, hidden) float32, recurrent.
            bias: (3 * hidden,) float32, recurrent.
            start: (batch, hidden) float32.
            num_steps: time.
        """
        batch, hidden = start.shape
        plan = plan_layer(hidden)
        device = start.device
        start = start.contiguous()
        states = torch.empty(num_steps + 1, batch, plan.padded, dtype=torch.bfloat16, device=device)
        saved = None
        if any(ctx.needs_input_grad):
            # Of each state r, z, n and the recurrent part of n for backward, two bfloat16 a word.
            words = num_steps * plan.blocks(batch) * plan.threads * plan.rows // 2
            saved = torch.empty(words, dtype=torch.int32, device=device)
        strides = (0, 0) if inputs is None else inputs.stride()[:2]
        assert inputs is None or inputs.stride(2) == 1
        assert constant.stride(1) == 1
        plan.kernel("gru_forward", device)(
            plan.blocks(batch), plan.threads,
            inputs, constant, weight.contiguous(), bias, start, states, saved,
            num_steps, batch, *strides, 0 if len(constant) == 1 else constant.stride(0),
        )  # fmt: skip
        ctx.save_for_backward(saved, states, weight)
        ctx.has_inputs = inputs is not None
        ctx.same_constant = len(constant) == 1
        return states[1:]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of `forward`'s tensors."""
        saved, states, weight = ctx.saved_tensors
        steps, batch, padded = grads[0].shape
        hidden = weight.shape[1]
        plan = plan_layer(hidden)
        device = states.device
        gates = torch.empty(steps, batch, 4, padded, dtype=torch.bfloat16, device=device)
        sums = torch.empty(batch, 4, padded, device=device)
        d_start = torch.empty(batch, hidden, device=device)
        plan.kernel("gru_backward", device)(
            plan.blocks(batch), plan.threads,
            saved, states, grads[0].contiguous(), weight.contiguous(), gates, sums, d_start,
            steps, batch,
        )  # fmt: skip
        total, recurrent = gate_sums(sums)
        total, d_bias = total[:, :hidden], recurrent[:, :hidden].flatten()
        sums = sums[..., :hidden]
        d_weight = _weight_gradient(gates.flatten(0, 1), states[:-1].flatten(0, 1), hidden)
        d_inputs = gates[:, :, :3].flatten(2) if ctx.has_inputs else None
        d_constant = (total[None] if ctx.same_constant else sums)[:, :3].flatten(1)
        return d_inputs, d_constant, d_weight, d_bias, d_start, None


def fused_states(
    layers: Sequence[Sequence[Tensor]],
    dropout: float,
    x: Tensor,
    state: Tensor,
    num_steps: int,
    *,
    of_rows: Tensor | None = None,
) -> Tensor:
    """Return what `Gru.padded_states` does, (time, batch, padded), in bfloat16.

    Args:
        layers: `all_weights` of an `nn.GRU`.
        dropout: probability between layers, 0 outside training.
        x: (time or 1, batch or 1, width).
        state: (layers, batch, hidden).
        num_steps: time.
        of_rows: (batch, width), added to x (time, 1, width) at every step, or None.
    """
    starts = state.float().unbind()
    for number, (w_input, w_state, b_input, b_state) in enumerate(layers):
        if number > 0 and dropout > 0:
            x = F.dropout(x, dropout)
        if of_rows is not None and number == 0:
            inputs, constant = _products_of_parts(x, of_rows, w_input, b_input)
        elif len(x) == 1 and number == 0:  # the same at every step
            with torch.autocast("cuda", enabled=False):
                constant = F.linear(x.float().squeeze(0), w_input.float(), b_input)
            inputs = None
        else:
            inputs = _project(x, w_input, w_state.shape[1]).expand(-1, state.shape[1], -1)
            constant = b_input.unsqueeze(0)
        x = GruLayer.apply(inputs, constant, w_state, b_state, starts[number], num_steps)  # pyright: ignore[reportAssignmentType]
    return x


def _products_of_parts(
    x: Tensor, of_rows: Tensor, weight: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what `GruLayer` takes of an input that is a sum of (time, 1, ...) and (batch, ...).

    Its product at every step of every row would be as large as all gates, and so its gradient.
    """
    hidden, num_rows = len(weight) // 3, len(of_rows)
    both = _project(torch.cat([of_rows, x.squeeze(1)]), weight, hidden)
    constant, inputs = both.split([num_rows, len(x)])
    if both.shape[1] > 3 * hidden:
        constant = constant.unflatten(1, (3, -1))[..., :hidden].flatten(1)
    return inputs.unsqueeze(1).expand(-1, num_rows, -1), constant + bias


def _project(x: Tensor, weight: Tensor, hidden: int) -> Tensor:
    """Return the input's part of the gates, (time, batch or 1, 3 * padded)."""
    rows = plan_layer(hidden).padded - hidden
    columns = x.shape[-1] - weight.shape[1]
    if rows or columns:
        gates = F.pad(weight.unflatten(0, (3, hidden)), (0, columns, 0, rows))
        weight = gates.flatten(0, 1)
    return F.linear(x, weight)


def _weight_gradient(gates: Tensor, before: Tensor, hidden: int) -> Tensor:
    """Return the float32 gradient (3 * hidden, hidden) of the recurrent weight.

    Args:
        gates: (time * batch, 4, padded) gradients of r, z, n, q.
        before: (time * batch, padded) state before each step.
        hidden: real units.
    """
    padded = before.shape[1]
    gradient = torch.empty(3 * padded, padded, device=gates.device)
    flat = gates.flatten(1)
    reset_and_update, recurrent = flat[:, : 2 * padded], flat[:, 3 * padded :]
    torch.mm(reset_and_update.mT, before, torch.float32, out=gradient[: 2 * padded])
    torch.mm(recurrent.mT, before, torch.float32, out=gradient[2 * padded :])
    if padded == hidden:
        return gradient
    return gradient.view(3, padded, padded)[:, :hidden, :hidden].flatten(0, 1)
