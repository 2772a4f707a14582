"""A GRU over time: layers of our own on CPUs and new GPUs, cuDNN's elsewhere, all the same."""

import warnings
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.layers.cpu_gru import CpuGruLayer
from models.layers.fast_path import implementation_for
from models.layers.gru_layer import MAX_HIDDEN, fused_states


class Gru(nn.Module):
    """`nn.GRU` over (time, batch, width) with dropout between its layers.

    Dropout is applied here and not by cuDNN, whose own random state could not be resumed.

    Args:
        width: of the input.
        hidden: units.
        layers: layers.
        dropout: probability, between layers, in training.
    """

    def __init__(self, width: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.hidden = hidden
        self.layers = layers
        self.dropout = dropout
        # It holds the weights of all implementations, under the names that checkpoints know.
        self.gru = nn.GRU(width, hidden, layers)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        """Return (time, batch, hidden); x (time, batch, width), state (layers, batch, hidden)."""
        return self.padded_states(x, state, len(x))[..., : self.hidden]

    def padded_states(
        self, x: Tensor, state: Tensor, num_steps: int, of_rows: Tensor | None = None
    ) -> Tensor:
        """Return (time, batch, hidden or more), with zeros behind the units.

        The kernels compute a few units more than there are, with zero weights: their gates are
        1/2, their candidate is 0 and their state stays 0, so the real units never see them.

        Args:
            x: (time or 1, batch or 1, width); with 1 it is the same throughout.
            state: (layers, batch, hidden).
            num_steps: time.
            of_rows: (batch, width), added to x at every step; x is then (time, 1, width).
        """
        drop = self.dropout if self.training else 0.0
        # The fast path on new GPUs is `fused_states` in `gru_layer.py`.
        run = implementation_for(
            x.device,
            plain=partial(self._plain, of_rows),
            fused=partial(fused_states, self.gru.all_weights, drop, of_rows=of_rows),
            fits=self.hidden <= MAX_HIDDEN,
        )
        return run(x, state, num_steps)

    def states_of_products(
        self, multiply: Callable[[Tensor, Tensor], Tensor], state: Tensor, num_steps: int
    ) -> Tensor:
        """Return (time, batch, hidden) on a CPU, from the first layer's input products.

        Args:
            multiply: called with the weight (3 * hidden, width) and the bias (3 * hidden,) of
                the input; returns `input @ weight.T + bias`, (time or 1, batch or 1, 3 * hidden).
            state: (layers, batch, hidden).
            num_steps: time.
        """
        # Under autocast the state may come in bfloat16; over many steps it is kept in float32.
        starts = state.to(next(self.gru.parameters()).dtype).unbind()
        x = state
        for number, layer in enumerate(self.gru.all_weights):
            w_input, w_state, b_input, b_state = layer
            if number > 0:
                multiply = partial(F.linear, F.dropout(x, self.dropout, self.training))
            # PyTorch keeps the gates in the order r, z, n; `CpuGruLayer` says why it differs.
            gates = multiply(w_input.roll(self.hidden, 0), b_input.roll(self.hidden, 0))
            x = CpuGruLayer.apply(  # pyright: ignore[reportAssignmentType]
                gates, w_state, b_state, starts[number], num_steps, gates.dtype
            )
        return x

    def state_weights(self, dtype: torch.dtype) -> tuple[tuple[Tensor, Tensor], ...]:
        """Return the weight and the bias of each layer's state, for `step_of_products`."""
        return tuple(
            (w_state.to(dtype), b_state.to(dtype))
            for _, w_state, _, b_state in self.gru.all_weights
        )

    def step_of_products(
        self, products: Tensor, states: Tensor, weights: tuple[tuple[Tensor, Tensor], ...]
    ) -> Tensor:
        """Return the states (layers, batch, hidden) after one step, in evaluation.

        Args:
            products: (batch, 3 * hidden), the first layer's input products with their bias.
            states: float32 (layers, batch, hidden), before the step.
            weights: of the states, in the dtype of the products.
        """
        after = []
        for state, of_state, layer in zip(states, weights, self.gru.all_weights, strict=True):
            if after:
                products = F.linear(after[-1], layer[0], layer[2])
            after.append(gru_step(products, state, *of_state))
        return torch.stack(after) if len(after) > 1 else after[0][None]

    def _plain(self, of_rows: Tensor | None, x: Tensor, state: Tensor, num_steps: int) -> Tensor:
        x = x if of_rows is None else x + of_rows
        run = self._on_gpu if x.is_cuda else self._on_cpu
        return run(x, state, num_steps)

    def _on_cpu(self, x: Tensor, state: Tensor, num_steps: int) -> Tensor:
        return self.states_of_products(partial(F.linear, x), state, num_steps)

    def _on_gpu(self, x: Tensor, state: Tensor, num_steps: int) -> Tensor:
        # cuDNN under autocast would take float16, which needs a scaled loss.
        with torch.autocast("cuda", enabled=False):
            x, state = x.float().expand(num_steps, state.shape[1], -1), state.float()
            if not (self.training and self.dropout > 0 and self.layers > 1):
                return self.gru(x, state)[0]
            for number, layer in enumerate(self.gru.all_weights):
                x = x if number == 0 else F.dropout(x, self.dropout)
                start = state[number : number + 1].contiguous()
                with warnings.catch_warnings():  # one layer's weights are a part of cuDNN's chunk
                    warnings.filterwarnings("ignore", "RNN module weights are not part of single")
                    # No dropout, one direction; cuDNN keeps what backward needs when training.
                    keep = torch.is_grad_enabled()
                    x = torch._VF.gru(x, start, list(layer), True, 1, 0.0, keep, False, False)[0]
        return x


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
