"""The recurrent decoder: a latent vector to the logits of every production at every step."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.layers.gru import Gru
from models.layers.weights import drawn_normal, first

DecoderInput = Literal["latent_state", "repeat_latent", "weighted_latent"]


class Decoder(nn.Module):
    """A GRU over time that does not see its own outputs.

    What keeps its output legal is the grammar alone, so the logits of all steps are computed at
    once, in training as in free-running decoding.

    Args:
        num_ids: productions of the grammar.
        num_steps: longest row.
        z_dim: latent dimensions.
        hidden: GRU units.
        layers: GRU layers.
        dropout: between GRU layers.
        latent: z sets the initial state of every layer, or is the input at every step: as it is,
            or each dimension times a learned weight of the step, which so reads its part of z.
        position: add a learned vector for each step to the input.
    """

    def __init__(
        self,
        *,
        num_ids: int,
        num_steps: int,
        z_dim: int,
        hidden: int,
        layers: int,
        dropout: float,
        latent: DecoderInput,
        position: bool,
    ) -> None:
        super().__init__()
        self.layers = layers
        self.latent = latent
        width = hidden if latent == "latent_state" else z_dim
        self.start = nn.Linear(z_dim, layers * hidden) if latent == "latent_state" else None
        steps = num_steps if position else 1
        needs_input = position or latent == "latent_state"
        self.step_input = (
            nn.Parameter(drawn_normal(steps, width, scale=0.1)) if needs_input else None
        )
        weighted = latent == "weighted_latent"
        self.step_weight = (
            nn.Parameter(drawn_normal(num_steps, z_dim, scale=1.0)) if weighted else None
        )
        self.gru = Gru(width, hidden, layers, dropout)
        self.head = nn.Linear(hidden, num_ids)

    def forward(self, z: Tensor, num_steps: int) -> Tensor:
        """Return logits (batch, num_steps, num_ids) of z (batch, z_dim)."""
        x, of_rows = self._inputs(z, num_steps)
        states = self.gru.padded_states(x, self._state(z), num_steps, of_rows)
        # Units that the kernels added behind the real ones meet zero weights here.
        padding = states.shape[-1] - self.gru.hidden  # (time, batch, hidden + padding)
        weight = F.pad(self.head.weight, (0, padding)) if padding else self.head.weight
        return F.linear(states, weight, self.head.bias).transpose(0, 1)

    def _state(self, z: Tensor) -> Tensor:
        """Return the GRU's initial state (layers, batch, hidden)."""
        if self.start is None:
            return z.new_zeros(self.layers, z.shape[0], self.gru.hidden)
        state = torch.tanh(self.start(z)).unflatten(1, (self.layers, -1))
        return state.transpose(0, 1).contiguous()

    def _inputs(self, z: Tensor, num_steps: int) -> tuple[Tensor, Tensor | None]:
        """Return the GRU's input (time or 1, batch or 1, width), and what each row adds to it."""
        inputs = z.unsqueeze(0)
        if self.step_weight is not None:
            inputs = inputs * first(self.step_weight, num_steps).unsqueeze(1)
        if self.step_input is None:
            return inputs, None
        steps = first(self.step_input, num_steps).unsqueeze(1)  # (time or 1, 1, width)
        if self.latent == "latent_state":
            return steps, None
        return (steps, z) if self.step_weight is None else (inputs + steps, None)
