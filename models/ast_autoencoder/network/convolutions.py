"""Graph convolutions over the four types of edges between nodes of a syntax tree.

A node receives from its parent, from its children (added up, over the square root of their
number), from the sibling before it and from the last use of its slot.
"""

import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.ast_autoencoder.network.batches import NodeBatch

NUM_TYPES = 4
_HEADS = 4


class GcnLayer(nn.Module):
    """A graph convolution (Kipf and Welling 2017) in which each type of edge has channels.

    One product makes what a node keeps and what it sends. A quarter of what it sends goes along
    each type of edge, so that the next product tells the types apart at the cost of one.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.product = nn.Linear(hidden, 2 * hidden)
        self.norm = nn.LayerNorm(hidden)

    def forward(self, nodes: Tensor, batch: NodeBatch) -> Tensor:
        """Return nodes (batch, nodes, hidden)."""
        kept, sent = self.product(nodes).chunk(2, dim=-1)
        return self.norm(nodes + F.relu(kept + _received(sent, batch)))


class RelationalLayer(nn.Module):
    """A graph convolution with a product for each type of edge (Schlichtkrull et al. 2018)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.keep = nn.Linear(hidden, hidden)
        self.send = nn.Linear(hidden, NUM_TYPES * hidden, bias=False)
        self.norm = nn.LayerNorm(hidden)

    def forward(self, nodes: Tensor, batch: NodeBatch) -> Tensor:
        """Return nodes (batch, nodes, hidden)."""
        received = _received(self.send(nodes), batch)
        merged = received.unflatten(-1, (NUM_TYPES, nodes.shape[-1])).sum(dim=-2)
        return self.norm(nodes + F.relu(self.keep(nodes) + merged))


class AttentionLayer(nn.Module):
    """A graph convolution that weighs edges by attention (GATv2, Brody et al. 2022)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        with warnings.catch_warnings():  # the import scripts functions, which torch deprecates
            warnings.simplefilter("ignore", DeprecationWarning)
            from torch_geometric.nn import GATv2Conv  # takes seconds

        self.attention = GATv2Conv(hidden, hidden // _HEADS, _HEADS, edge_dim=hidden)
        self.edge = nn.Embedding(NUM_TYPES, hidden)
        self.norm = nn.LayerNorm(hidden)

    def forward(self, nodes: Tensor, batch: NodeBatch) -> Tensor:
        """Return nodes (batch, nodes, hidden)."""
        edges, edge_type = _edges(batch)
        received = self.attention(nodes.flatten(0, 1), edges, self.edge(edge_type))
        return self.norm(nodes + F.relu(received.view_as(nodes)))


def build_convolution(kind: str, hidden: int) -> nn.Module:
    """Return a layer of the named kind."""
    return {"gcn": GcnLayer, "relational": RelationalLayer, "gatv2": AttentionLayer}[kind](hidden)


def _received(sent: Tensor, batch: NodeBatch) -> Tensor:
    """Return what reaches each node, (batch, nodes, width), a quarter of it along each type.

    Programs have few nodes, so products with their (nodes, nodes) matrices take a third of the
    time of adding up by index, and add in the same order everywhere.
    """
    parts = zip(batch.edges(sent.dtype), sent.chunk(NUM_TYPES, dim=-1), strict=True)
    return torch.cat([edges @ part for edges, part in parts], dim=-1)


def _edges(batch: NodeBatch) -> tuple[Tensor, Tensor]:
    """Return the edges as (2, edges), nodes counted over the batch, and their types (edges,)."""
    sources = torch.stack([batch.parent, batch.sibling, batch.use]).long()
    edge_type, row, target = (sources >= 0).nonzero(as_tuple=True)
    first = row * sources.shape[2]
    edges = torch.stack([sources[edge_type, row, target], target]) + first
    upwards = edges[:, edge_type == 0].flip(0)
    types = torch.cat([edge_type, torch.full_like(upwards[0], NUM_TYPES - 1)])
    return torch.cat([edges, upwards], dim=1), types
