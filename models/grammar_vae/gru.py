"""A GRU whose width is padded inside to what the GPU multiplies fast, with results unchanged."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_GPU_MULTIPLE = 64
"""cuDNN's tensor-core path wants widths in multiples of 8; of 64 is faster still (measured)."""


class Gru(nn.Module):
    """`nn.GRU` over (time, batch, width) with dropout between its layers.

    Padding: a padded unit has zero weights and biases, so its gates are 1/2, its candidate is 0
    and its state stays 0; the real units never see it.

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
        split = self.training and self.dropout > 0 and self.layers > 1
        if not x.is_cuda and not split:
            return self.gru(x, state)[0]
        weights = self._weights(padded=x.is_cuda)
        if x.is_cuda:
            x = F.pad(x, (0, _padding(self.width)))
            state = F.pad(state, (0, _padding(self.hidden)))
        if not split:
            return _run(x, state, [w for layer in weights for w in layer])[..., : self.hidden]
        for number, layer in enumerate(weights):
            x = x if number == 0 else F.dropout(x, self.dropout)
            x = _run(x, state[number : number + 1].contiguous(), layer)
        return x[..., : self.hidden]

    def _weights(self, *, padded: bool) -> Sequence[Sequence[Tensor]]:
        """Return the four weights of every layer, in the order `torch.gru` takes them."""
        layers = self.gru.all_weights
        if not padded:
            return layers
        return [
            [self._pad(weight, self.width if number == 0 else self.hidden) for weight in layer[:1]]
            + [self._pad(layer[1], self.hidden)]
            + [self._pad(bias, None) for bias in layer[2:]]
            for number, layer in enumerate(layers)
        ]

    def _pad(self, weight: Tensor, columns: int | None) -> Tensor:
        """Pad (3 * hidden, columns) or (3 * hidden,) within each of the three gates."""
        rows = _padding(self.hidden)
        gates = weight.unflatten(0, (3, self.hidden))
        if columns is None:
            return F.pad(gates, (0, rows)).flatten()
        return F.pad(gates, (0, _padding(columns), 0, rows)).flatten(0, 1)


def _padding(width: int) -> int:
    return -width % _GPU_MULTIPLE


def _run(x: Tensor, state: Tensor, weights: Sequence[Tensor]) -> Tensor:
    # Dropout 0 and not bidirectional; cuDNN keeps what backward needs only when told to train.
    training = torch.is_grad_enabled()
    layers = len(weights) // 4
    return torch._VF.gru(x, state, list(weights), True, layers, 0.0, training, False, False)[0]
