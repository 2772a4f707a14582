"""The network: a GRU reads a line into a Gaussian, another writes it from a latent."""

import torch
from torch import Tensor, nn


class TextVae(nn.Module):
    """A VAE over rows of ids (batch, steps), of which 0 ends a row."""

    def __init__(self, *, num_characters: int, hidden: int, z_dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_characters + 1, hidden)
        self.reader = nn.GRU(hidden, hidden, batch_first=True)
        self.gaussian = nn.Linear(hidden, 2 * z_dim)
        self.start = nn.Linear(z_dim, hidden)
        self.writer = nn.GRU(hidden + z_dim, hidden, batch_first=True)
        self.head = nn.Linear(hidden, num_characters + 1)

    def encode(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, (batch, z_dim) each."""
        out, _ = self.reader(self.embedding(ids))
        at_end = out[torch.arange(len(ids)), (ids > 0).sum(1)]  # what fills a row up says nothing
        mean, logvar = self.gaussian(at_end).chunk(2, dim=1)
        return mean, logvar.clamp(-10, 10)

    def decode(self, z: Tensor, ids: Tensor) -> Tensor:
        """Return scores (batch, steps, characters + 1) of each id after those before it."""
        before = nn.functional.pad(ids, (1, 0))[:, :-1]
        steps = torch.cat([self.embedding(before), z[:, None].expand(-1, ids.shape[1], -1)], dim=2)
        out, _ = self.writer(steps, self.start(z)[None])
        return self.head(out)

    @torch.no_grad()
    def write(self, z: Tensor, num_steps: int) -> Tensor:
        """Return the likeliest ids (batch, num_steps), each after those written before."""
        ids = torch.zeros(len(z), num_steps, dtype=torch.int64, device=z.device)
        for step in range(num_steps):
            scores = self.decode(z, ids[:, : step + 1])[:, -1]
            over = ids[:, step - 1] == 0 if step else torch.zeros_like(ids[:, 0], dtype=torch.bool)
            ids[:, step] = scores.argmax(1).masked_fill(over, 0)
        return ids
