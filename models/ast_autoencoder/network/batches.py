"""One batch of programs: rows of the data set's arrays, cut to the longest."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from models.ast_autoencoder.network.tensors import NodeTensors, StepTensors
from models.programs.language.kinds import language


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeBatch:
    """Graphs of B programs of up to M nodes.

    Args:
        kind: int64 (B, M), 0 for padding; the next two likewise, 0 for none.
        slot: int64 (B, M).
        constant: int64 (B, M).
        place: int64 (B, M), role and depth; 0 at padding.
        real: bool (B, M), which are nodes.
        parent: int16 (B, M), number of the node, -1 for none; likewise the next two.
        sibling: int16 (B, M), the one before.
        use: int16 (B, M), the last use of the same slot.
    """

    kind: Tensor
    slot: Tensor
    constant: Tensor
    place: Tensor
    real: Tensor
    parent: Tensor
    sibling: Tensor
    use: Tensor
    _edges: tuple[Tensor, Tensor, Tensor, Tensor] | None = None

    @staticmethod
    def select(nodes: NodeTensors, rows: Tensor, num_nodes: int) -> "NodeBatch":
        """Return the graphs of some programs, of at most `num_nodes` nodes each."""
        num_nodes = min(num_nodes, nodes.kind.shape[1])

        def cut(values: Tensor) -> Tensor:
            return values[rows, :num_nodes].long()

        kind = cut(nodes.kind)
        return NodeBatch(
            kind=kind + 1,
            slot=cut(nodes.slot) + 1,
            constant=cut(nodes.constant) + 1,
            place=cut(nodes.place).clamp(min=0),
            real=kind >= 0,
            parent=nodes.parent[rows, :num_nodes],
            sibling=nodes.sibling[rows, :num_nodes],
            use=nodes.use[rows, :num_nodes],
        )

    def edges(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return a matrix (B, M, M) for each type of edge, targets by sources.

        From the parent, from the children over the root of their number, from the sibling
        before, from the last use; made once for all layers.
        """
        if self._edges is None or self._edges[0].dtype != dtype:
            down, along, again = (
                _one_hot(sources, dtype) for sources in (self.parent, self.sibling, self.use)
            )
            counts = down.sum(dim=1, dtype=torch.float32).clamp(min=1)
            up = down.transpose(1, 2) * counts.rsqrt().to(dtype)[..., None]
            object.__setattr__(self, "_edges", (down, up, along, again))
        assert self._edges is not None
        return self._edges


def _one_hot(sources: Tensor, dtype: torch.dtype) -> Tensor:
    """Return (B, M, M), in row i of a program 1 at the source of node i, which may be none."""
    count = sources.shape[1]
    found = torch.zeros(len(sources), count, count, dtype=dtype, device=sources.device)
    there = (sources >= 0).to(dtype)[..., None]
    return found.scatter_(2, sources.clamp(min=0).long()[..., None], there)


@dataclass(frozen=True, kw_only=True, eq=False)
class StepBatch:
    """Derivations of B programs of up to T steps, step by step.

    Args:
        ids: int64 (T, B), -1 at padding.
        previous: int64 (T, B), the production before; the number of productions at the start.
        symbol: int64 (T, B), context of the open nonterminal.
        node: int64 (T, B), place that each step is about.
        context: int64 (T, B), row of the data set's `legal`.
        group: int8 (T, B), nonterminal whose productions compete; -1 where there is no choice.
        target: int64 (T, B), column of the right production; 0 at padding.
        pair: int64 (T, B), row of `pairs`: the production before and the context.
        pairs: the data set's, int64 (pairs, 2).
        definition: int64 (B, slots), step that defines each slot, -1 for none.
        legal: the data set's, bool (contexts, columns).
    """

    ids: Tensor
    previous: Tensor
    symbol: Tensor
    node: Tensor
    context: Tensor
    group: Tensor
    target: Tensor
    pair: Tensor
    pairs: Tensor
    definition: Tensor
    legal: Tensor

    @staticmethod
    def select(steps: StepTensors, rows: Tensor, num_steps: int) -> "StepBatch":
        """Return the derivations of some programs, of at most `num_steps` steps each."""

        def cut(values: Tensor) -> Tensor:
            return values[rows, :num_steps].t()

        ids = cut(steps.ids).long()
        start = torch.full_like(ids[:1], len(language().kinds))
        return StepBatch(
            ids=ids,
            previous=torch.cat([start, ids[:-1].clamp(min=0)]),
            symbol=cut(steps.symbol).long(),
            pair=cut(steps.pair).long(),
            pairs=steps.pairs,
            node=cut(steps.node).long(),
            context=cut(steps.context).long(),
            group=cut(steps.group),
            target=cut(steps.target).long(),
            definition=steps.definition[rows].long(),
            legal=steps.legal,
        )

    @cached_property
    def choices(self) -> "Choices":
        """Which steps leave a choice, by the nonterminal that they replace; on a CPU only."""
        group = self.group.contiguous().flatten().numpy()
        counts = np.bincount(group.astype(np.int64) + 1)
        sizes = np.array([0, *(_padded_size(count) for count in counts[1:].tolist())])
        # Each group's steps, then fillers up to its size.
        starts = np.cumsum(sizes) - sizes
        order = np.argsort(group, kind="stable")[counts[0] :]
        number = np.arange(len(order)) - np.repeat(np.cumsum(counts[1:]) - counts[1:], counts[1:])
        place = np.repeat(starts[1:], counts[1:]) + number
        padded = np.full(int(sizes.sum()), len(group))
        padded[place] = order
        return Choices(order=torch.from_numpy(padded), sizes=tuple(sizes[1:].tolist()))


@dataclass(frozen=True, kw_only=True, eq=False)
class Choices:
    """Steps by nonterminal.

    Args:
        order: int64, the steps with a choice sorted by nonterminal, those of each filled up with
            T * B, which is no step.
        sizes: how many places of `order` each nonterminal has.
    """

    order: Tensor
    sizes: tuple[int, ...]


def _padded_size(count: int) -> int:
    """Return the next larger of few numbers: every new shape of a product is prepared anew."""
    grid = max(16, (1 << count.bit_length()) // 8)
    return -(-count // grid) * grid
