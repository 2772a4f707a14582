"""How nodes share one latent: each place in the order of the derivation has weights of its own.

Encoder and decoder use the same weights, as a tied autoencoder does. The vectors of different
places are nearly orthogonal at random, so that what is written for a place can be read back of it
before anything is learned. That makes learning several times as fast as with weights apart
(tests/benchmarks/LOG.md).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.layers.weights import drawn_normal


class Places(nn.Module):
    """The weights of every place.

    Args:
        num_places: nodes of a program at most.
        place_dim: numbers that a node writes, and that are read back of it.
        latent_dim: size of the latent.
    """

    def __init__(self, *, num_places: int, place_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.num_places = num_places
        self.latent_dim = latent_dim
        self.weight = nn.Parameter(
            drawn_normal(num_places, place_dim, latent_dim, scale=latent_dim**-0.5)
        )
        self.bias = nn.Parameter(torch.zeros(num_places, place_dim))

    def write(self, written: Tensor) -> Tensor:
        """Return what nodes (batch, nodes, place_dim) add up to, (batch, latent_dim)."""
        return written.flatten(1) @ self.weight[: written.shape[1]].flatten(0, 1)

    def read(self, latent: Tensor, num_places: int) -> Tensor:
        """Return what latents (batch, latent_dim) hold of each place, (batch, places, dim)."""
        weight = self.weight[:num_places].flatten(0, 1)
        product = F.linear(latent, weight, self.bias[:num_places].flatten())
        return product.unflatten(1, (num_places, -1))
