"""The transformer decoder: causal attention over the steps so far (Vaswani et al. 2017)."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.ast_autoencoder.config import HEAD_WIDTH
from models.ast_autoencoder.network.batches import StepBatch
from models.ast_autoencoder.network.inputs import Reads, StepInputs


@dataclass(frozen=True, kw_only=True, eq=False)
class TransformerState:
    """Where a free-running decoder stands.

    Args:
        reads: what the latents hold of each place.
        past: keys and values of the steps so far, a (2, batch, heads, steps, width) a layer.
        start: (batch, hidden), what the whole latent adds to every step.
    """

    reads: Reads
    past: tuple[Tensor, ...]
    start: Tensor

    def select(self, rows: Tensor) -> "TransformerState":
        """Return the state of some rows, in that order; rows may repeat."""
        return TransformerState(
            reads=self.reads.select(rows),
            past=tuple(layer[:, rows] for layer in self.past),
            start=self.start[rows],
        )


class TransformerDecoder(nn.Module):
    """A causal transformer over productions that reads the latent at every step.

    Args:
        inputs: what it is told at a step.
        hidden: width, a multiple of HEAD_WIDTH.
        layers: layers.
        latent_dim: size of the latent, which is also added to every step.
        num_steps: longest program.
        dropout: probability of dropping what a layer adds.
    """

    def __init__(
        self,
        *,
        inputs: StepInputs,
        hidden: int,
        layers: int,
        latent_dim: int,
        num_steps: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.start = nn.Linear(latent_dim, hidden)
        self.position = nn.Embedding(num_steps, hidden)
        self.layers = nn.ModuleList(_Layer(hidden, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden)

    def forward(self, latent: Tensor, steps: StepBatch) -> Tensor:
        """Return features (time, batch, hidden) at the steps of given programs."""
        x = self.inputs.along(latent, steps) + self.start(latent)
        x = (x + self.position.weight[: len(x), None]).transpose(0, 1)
        for layer in self.layers:
            x, _ = layer(x, None)
        return self.norm(x).transpose(0, 1)

    def begin(self, latent: Tensor, num_steps: int) -> TransformerState:
        """Return the state before the first step."""
        start = self.start(latent)
        shape = (2, len(latent), start.shape[1] // HEAD_WIDTH, 0, HEAD_WIDTH)
        return TransformerState(
            reads=self.inputs.reads(latent, num_steps),
            past=tuple(start.new_zeros(shape) for _ in self.layers),
            start=start,
        )

    def step(
        self, state: TransformerState, previous: Tensor, symbol: Tensor, node: Tensor
    ) -> tuple[Tensor, TransformerState]:
        """Return the features (batch, hidden) of the next production and the state behind it."""
        place = state.past[0].shape[3]
        x = self.inputs.at(state.reads, previous, symbol, node) + state.start
        x = (x + self.position.weight[place])[:, None]
        past = []
        for layer, before in zip(self.layers, state.past, strict=True):
            x, after = layer(x, before)
            past.append(after)
        return self.norm(x).squeeze(1), replace(state, past=tuple(past))


class _Layer(nn.Module):
    """Attention and a two-layer network, each behind a normalisation and a shortcut."""

    def __init__(self, hidden: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.attention_norm = nn.LayerNorm(hidden)
        self.attention = nn.Linear(hidden, 3 * hidden)
        self.merge = nn.Linear(hidden, hidden)
        self.network_norm = nn.LayerNorm(hidden)
        self.widen = nn.Linear(hidden, 4 * hidden)
        self.narrow = nn.Linear(4 * hidden, hidden)

    def forward(self, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return x (batch, time, hidden) after the layer, and all keys and values.

        Args:
            x: all steps when `past` is None, else the one step behind it.
            past: (2, batch, heads, steps, width).
        """
        products = self.attention(self.attention_norm(x)).unflatten(-1, (3, -1, HEAD_WIDTH))
        query, *rest = products.permute(2, 0, 3, 1, 4)  # (batch, heads, time, width) each
        known = torch.stack(rest)
        if past is not None:
            known = torch.cat([past.to(known.dtype), known], dim=3)
        attended = F.scaled_dot_product_attention(query, known[0], known[1], is_causal=past is None)
        x = x + self._drop(self.merge(attended.transpose(1, 2).flatten(2)))
        return x + self._drop(self.narrow(F.gelu(self.widen(self.network_norm(x))))), known

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)
