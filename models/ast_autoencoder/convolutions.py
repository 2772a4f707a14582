"""Graph convolutions over the four types of edges between nodes of a syntax tree.

Every node has at most one incoming edge of three types (from its parent, from the sibling before,
from the last use of its slot), and one from each child. So messages are gathered by one array a
type; the messages of children are added up, over the square root of their number.
"""

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

from models.ast_autoencoder.batches import NodeBatch

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
    """Return what reaches each node, (batch, nodes, width), a quarter of it along each type."""
    flat = sent.flatten(0, 1)
    if sent.is_cuda:  # adding by index is in random order there, so use products
        return _by_products(sent, batch)
    return _Messages.apply(flat, batch.parent, batch.sibling, batch.use).view_as(sent)  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess]


class _Messages(Function):
    """Gather a quarter of the channels along each type of edge; backward goes the other way."""

    @staticmethod
    def forward(ctx: Any, sent: Tensor, parent: Tensor, sibling: Tensor, use: Tensor) -> Tensor:
        """Return what reaches each of the nodes, (nodes, width)."""
        scale = _over_root_of_count(parent, sent.dtype)
        ctx.save_for_backward(parent, sibling, use, scale)
        down, up, along, use_sent = sent.chunk(NUM_TYPES, dim=1)
        return torch.cat(
            [
                _gather(down, parent),
                _add_up(up, parent) * scale,
                _gather(along, sibling),
                _gather(use_sent, use),
            ],
            dim=1,
        )

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient of what was sent."""
        parent, sibling, use, scale = ctx.saved_tensors
        down, up, along, use_sent = grads[0].chunk(NUM_TYPES, dim=1)
        grad = [
            _add_up(down, parent),
            _gather(up * scale, parent),
            _add_up(along, sibling),
            _add_up(use_sent, use),
        ]
        return torch.cat(grad, dim=1), None, None, None


def _gather(values: Tensor, sources: Tensor) -> Tensor:
    """Return the row of each source, zeros where there is none (the number of rows)."""
    padded = torch.cat([values, values.new_zeros((1, values.shape[1]))])
    return F.embedding(sources, padded)


def _add_up(values: Tensor, targets: Tensor) -> Tensor:
    """Return the sum of the rows that name each row as their target."""
    total = values.new_zeros((len(values) + 1, values.shape[1]))
    return total.index_add_(0, targets, values)[:-1]


def _over_root_of_count(parent: Tensor, dtype: torch.dtype) -> Tensor:
    counts = torch.bincount(parent, minlength=len(parent) + 1)[:-1]
    return counts.clamp(min=1).rsqrt().to(dtype)[:, None]


def _by_products(sent: Tensor, batch: NodeBatch) -> Tensor:
    """Do the same as `_Messages` with a product of each program's (nodes, nodes) matrices."""
    num_nodes = sent.shape[1]
    here = torch.arange(sent.shape[0] * num_nodes, device=sent.device).view(-1, 1, num_nodes)

    def edges_of(sources: Tensor) -> Tensor:
        return (sources.view(-1, num_nodes, 1) == here).to(sent.dtype)

    down, up, along, use_sent = sent.chunk(NUM_TYPES, dim=-1)
    from_parent = edges_of(batch.parent)
    to_parent = from_parent.transpose(1, 2)
    counts = to_parent.sum(dim=-1, keepdim=True, dtype=torch.float32)
    received = [
        from_parent @ down,
        (to_parent @ up) * counts.clamp(min=1).rsqrt().to(sent.dtype),
        edges_of(batch.sibling) @ along,
        edges_of(batch.use) @ use_sent,
    ]
    return torch.cat(received, dim=-1)


def _edges(batch: NodeBatch) -> tuple[Tensor, Tensor]:
    """Return the edges as (2, edges) and their types (edges,)."""
    sources = torch.stack([batch.parent, batch.sibling, batch.use])
    count = sources.shape[1]
    edge_type, target = (sources < count).nonzero(as_tuple=True)
    source = sources[edge_type, target]
    down = edge_type == 0
    edges = torch.stack([source, target])
    upwards = edges[:, down].flip(0)
    types = torch.cat([edge_type, torch.full_like(upwards[0], NUM_TYPES - 1)])
    return torch.cat([edges, upwards], dim=1), types
