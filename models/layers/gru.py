"""A GRU over time: layers of our own on CPUs and new GPUs, cuDNN's elsewhere, all the same."""

import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.layers.cpu_gru import CpuGruLayer
from models.layers.cuda_kernels import kernels_apply
from models.layers.gru_layer import MAX_HIDDEN, GruLayer, plan_layer


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
        self.gru = nn.GRU(width, hidden, layers)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        """Return (time, batch, hidden); x (time, batch, width), state (layers, batch, hidden)."""
        return self.padded_states(x, state, len(x))[..., : self.hidden]

    def padded_states(self, x: Tensor, state: Tensor, num_steps: int) -> Tensor:
        """Return (time, batch, hidden or more), with zeros behind the units.

        The kernels compute a few units more than there are, with zero weights: their gates are
        1/2, their candidate is 0 and their state stays 0, so the real units never see them.

        Args:
            x: (time or 1, batch or 1, width); with 1 it is the same throughout.
            state: (layers, batch, hidden).
            num_steps: time.
        """
        if kernels_apply(x.device) and self.hidden <= MAX_HIDDEN:
            return self._run_kernels(x, state.float(), num_steps)
        if x.is_cuda:  # cuDNN under autocast would take float16, which needs a scaled loss
            with torch.autocast("cuda", enabled=False):
                x = x.float().expand(num_steps, state.shape[1], -1)
                return self._run_torch(x, state.float())
        return self._run_cpu(x, state, num_steps)

    def _run_cpu(self, x: Tensor, state: Tensor, num_steps: int) -> Tensor:
        narrow = torch.is_autocast_enabled("cpu")
        dtype = torch.get_autocast_dtype("cpu") if narrow else state.dtype
        wide = next(self.gru.parameters()).dtype
        starts = state.to(wide).unbind()
        for number, layer in enumerate(self.gru.all_weights):
            w_input, w_state, b_input, b_state = layer
            if number > 0 and self.training and self.dropout > 0:
                x = F.dropout(x, self.dropout)
            # The layer takes the gates in the order n, r, z.
            gates = F.linear(x, w_input.roll(self.hidden, 0), b_input.roll(self.hidden, 0))
            x = CpuGruLayer.apply(gates, w_state, b_state, starts[number], num_steps, dtype)  # pyright: ignore[reportAssignmentType]
        return x

    def _run_torch(self, x: Tensor, state: Tensor) -> Tensor:
        if not (self.training and self.dropout > 0 and self.layers > 1):
            return self.gru(x, state)[0]
        for number, layer in enumerate(self.gru.all_weights):
            x = x if number == 0 else F.dropout(x, self.dropout)
            start = state[number : number + 1].contiguous()
            with warnings.catch_warnings():  # one layer's weights are a part of cuDNN's chunk
                warnings.filterwarnings("ignore", "RNN module weights are not part of single")
                # Dropout 0 and not bidirectional; cuDNN keeps what backward needs when training.
                keep = torch.is_grad_enabled()
                x = torch._VF.gru(x, start, list(layer), True, 1, 0.0, keep, False, False)[0]
        return x

    def _run_kernels(self, x: Tensor, state: Tensor, num_steps: int) -> Tensor:
        starts = state.unbind()
        for number, layer in enumerate(self.gru.all_weights):
            w_input, w_state, b_input, b_state = layer
            if number > 0 and self.training and self.dropout > 0:
                x = F.dropout(x, self.dropout)
            if len(x) == 1 and number == 0:  # the same at every step
                with torch.autocast("cuda", enabled=False):
                    constant = F.linear(x.float().squeeze(0), w_input, b_input)
                inputs = None
            else:
                inputs = self._project(x, w_input).expand(-1, state.shape[1], -1)
                constant = b_input.unsqueeze(0)
            x = GruLayer.apply(inputs, constant, w_state, b_state, starts[number], num_steps)  # pyright: ignore[reportAssignmentType]
        return x

    def _project(self, x: Tensor, weight: Tensor) -> Tensor:
        """Return the input's part of the gates, (time, batch or 1, 3 * padded)."""
        rows = plan_layer(self.hidden).padded - self.hidden
        columns = x.shape[-1] - weight.shape[1]
        if rows or columns:
            gates = F.pad(weight.unflatten(0, (3, self.hidden)), (0, columns, 0, rows))
            weight = gates.flatten(0, 1)
        return F.linear(x, weight)
