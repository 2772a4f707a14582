"""The GRU decoder: a latent and the steps so far to the features of the next production."""

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.ast_autoencoder.network.batches import StepBatch
from models.ast_autoencoder.network.inputs import Reads, StepInputs
from models.layers.gru import Gru


@dataclass(frozen=True, kw_only=True, eq=False)
class GruState:
    """Where a free-running decoder stands.

    Args:
        reads: what the latents hold of each place.
        states: (layers, batch, hidden), float32.
        tables: the inputs' tables, multiplied with the first layer's weights.
        weights: weight and bias of each layer's state, in the dtype of the products.
    """

    reads: Reads
    states: Tensor
    tables: tuple[Tensor, ...]
    weights: tuple[tuple[Tensor, Tensor], ...]

    def select(self, rows: Tensor) -> "GruState":
        """Return the state of some rows, in that order; rows may repeat."""
        return replace(self, reads=self.reads.select(rows), states=self.states[:, rows])


class GruDecoder(nn.Module):
    """A GRU over productions that reads the latent at every step.

    Args:
        inputs: what it is told at a step.
        hidden: width.
        layers: layers.
        latent_dim: size of the latent, which also sets the first state.
        dropout: probability of dropping a feature, between layers and behind the last.
    """

    def __init__(
        self, *, inputs: StepInputs, hidden: int, layers: int, latent_dim: int, dropout: float
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.start = nn.Linear(latent_dim, layers * hidden)
        self.gru = Gru(hidden, hidden, layers, dropout)
        self.dropout = dropout

    def forward(self, latent: Tensor, steps: StepBatch) -> Tensor:
        """Return features (time, batch, hidden) at the steps of given programs."""
        states = self._first_states(latent)
        if latent.is_cuda:
            x = self.gru(self.inputs.along(latent, steps), states)
        else:  # products from tables, which a step need not multiply
            multiply = partial(self.inputs.products_along, latent, steps)
            x = self.gru.states_of_products(multiply, states, len(steps.ids))
        return F.dropout(x, self.dropout, self.training)

    def begin(self, latent: Tensor, num_steps: int) -> GruState:
        """Return the state before the first step, without gradients in mind."""
        of_input, _, bias, _ = self.gru.gru.all_weights[0]
        tables = self.inputs.product_tables(of_input, bias)
        return GruState(
            reads=self.inputs.reads(latent, num_steps),
            states=self._first_states(latent),
            tables=tables,
            weights=self.gru.state_weights(tables[0].dtype),
        )

    def step(
        self, state: GruState, previous: Tensor, symbol: Tensor, node: Tensor
    ) -> tuple[Tensor, GruState]:
        """Return the features (batch, hidden) of the next production and the state behind it."""
        products = self.inputs.products_at(state.tables, state.reads, (previous, symbol, node))
        states = self.gru.step_of_products(products, state.states, state.weights)
        # Products are what features are for: converted once for all of them.
        return states[-1].to(products.dtype), replace(state, states=states)

    def _first_states(self, latent: Tensor) -> Tensor:
        states = torch.tanh(self.start(latent).float())
        states = states.view(len(latent), self.gru.layers, self.gru.hidden)
        return states.transpose(0, 1).contiguous()
