"""The encoder: graph convolutions over a program's syntax, and its nodes written into one vector.

Nodes stand in the order of the derivation, and each writes to the latent through weights of its
own place in that order. A sum or mean over nodes would leave it to the layers to say where
everything stands; this way two programs that differ in one node differ in the latent by what is
written for that place.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from models.ast_autoencoder.network.batches import NodeBatch
from models.ast_autoencoder.network.convolutions import build_convolution
from models.ast_autoencoder.network.node_rows import MAX_DEPTH, NUM_ROLES
from models.ast_autoencoder.network.places import Places
from models.programs.language.graph_tables import constants, node_kinds
from models.programs.language.kinds import NUM_SLOTS


class Encoder(nn.Module):
    """Graphs to latents on a sphere of radius sqrt(latent_dim).

    Args:
        hidden: width of the layers.
        layers: graph convolutions.
        kind: of convolution: gcn, relational or gatv2.
        places: what a node writes to the latent with.
        dropout: probability of dropping a feature.
    """

    def __init__(
        self,
        *,
        hidden: int,
        layers: int,
        kind: str,
        places: Places,
        dropout: float,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.kind = nn.Embedding(len(node_kinds()) + 1, hidden)
        self.slot = nn.Embedding(NUM_SLOTS + 1, hidden)
        self.constant = nn.Embedding(len(constants()) + 1, hidden)
        self.place = nn.Embedding((MAX_DEPTH + 1) * NUM_ROLES, hidden)
        self.layers = nn.ModuleList(build_convolution(kind, hidden) for _ in range(layers))
        self.write = nn.Linear(hidden, places.weight.shape[1])
        self.places = places

    def forward(self, batch: NodeBatch) -> Tensor:
        """Return latents, float32 (batch, latent_dim)."""
        nodes = (
            self.kind(batch.kind)
            + self.slot(batch.slot)
            + self.constant(batch.constant)
            + self.place(batch.place)
        )
        nodes = F.dropout(nodes, self.dropout, self.training)
        for layer in self.layers:
            nodes = layer(nodes, batch)
        written = self.write(nodes) * batch.real[..., None]
        return on_sphere(self.places.write(written).float())


def on_sphere(latent: Tensor) -> Tensor:
    """Return latents (..., latent_dim) scaled to length sqrt(latent_dim)."""
    return F.rms_norm(latent, latent.shape[-1:], eps=1e-6)
