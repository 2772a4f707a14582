"""The decoder's head: a score for each column of `columns.py`, slots by a pointer.

A slot is scored by the similarity of the decoder's state with a key made of the state in which
the slot was defined (See et al. 2017 copy words alike); productions that stand for a slot have no
weights of their own.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.ast_autoencoder.network.columns import columns
from models.programs.language.kinds import NUM_SLOTS

KEY_WIDTH = 32


class Head(nn.Module):
    """Features to scores.

    Args:
        hidden: width of the features.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.columns = nn.Linear(hidden, columns().num_weighted)
        self.query = nn.Linear(hidden, KEY_WIDTH)
        self.key = nn.Linear(hidden, KEY_WIDTH, bias=False)
        self.slot = nn.Embedding(NUM_SLOTS, KEY_WIDTH)

    def keys_along(self, features: Tensor, definition: Tensor) -> Tensor:
        """Return the keys of the slots of given programs, (batch, slots, KEY_WIDTH).

        Args:
            features: (time, batch, hidden), at every step.
            definition: int64 (batch, slots), step that defines each slot, -1 for none.
        """
        rows = torch.arange(len(definition), device=definition.device)[:, None]
        defining = features[definition.clamp(min=0), rows]
        return torch.where(definition[..., None] >= 0, self.key(defining), 0) + self.slot.weight

    def first_keys(self) -> Tensor:
        """Return the keys of slots that are not defined, (slots, KEY_WIDTH)."""
        return self.slot.weight

    def slot_scores(self, features: Tensor, keys: Tensor) -> Tensor:
        """Return the scores of slots, (time, batch, slots); features (time, batch, hidden)."""
        query = self.query(features).transpose(0, 1)  # (batch, time, width)
        return torch.bmm(query, keys.to(query.dtype).transpose(1, 2)).transpose(0, 1)

    def forward(self, features: Tensor, keys: Tensor) -> Tensor:
        """Return the scores of all columns, (time, batch, columns)."""
        return torch.cat([self.columns(features), self.slot_scores(features, keys)], dim=-1)

    def part(self, features: Tensor, first: int, end: int) -> Tensor:
        """Return the scores of some columns that have weights, (rows, end - first)."""
        return F.linear(features, self.columns.weight[first:end], self.columns.bias[first:end])
