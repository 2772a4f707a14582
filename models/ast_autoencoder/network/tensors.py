"""Programs as padded arrays: all that encoder, decoder and loss read, made once for a data set.

A batch is then a selection of rows, cut to its longest program.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.ast_autoencoder.network.chunks import chunks_of, work_on
from models.ast_autoencoder.network.columns import Columns, columns
from models.ast_autoencoder.network.node_rows import NodeWalk
from models.ast_autoencoder.network.step_rows import StepWalk, followed, follows, num_followed
from models.programs.language.graph_tables import graph_tables
from models.programs.language.kinds import NUM_SLOTS
from models.programs.language.machine import MAX_STEPS, ConstraintMachine, Contexts
from models.programs.language.scopes import FACTS

_STEP_DTYPES = {
    "ids": torch.int16,
    "symbol": torch.uint8,
    "node": torch.int16,
    "context": torch.int32,
    "group": torch.int8,
    "target": torch.int16,
    "pair": torch.int16,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeTensors:
    """Graphs of N programs with up to M nodes each, in the order of their derivations.

    Args:
        kind: int16 (N, M), -1 at padding.
        slot: int8 (N, M), -1 for none.
        constant: int16 (N, M), -1 for none.
        place: int16 (N, M), role and depth in one number.
        parent: int16 (N, M), node that edges lead from, or NOWHERE; likewise the next two.
        sibling: int16 (N, M), the one before.
        use: int16 (N, M), the last use of the same slot.
        num_nodes: int32 (N,).
    """

    kind: Tensor
    slot: Tensor
    constant: Tensor
    place: Tensor
    parent: Tensor
    sibling: Tensor
    use: Tensor
    num_nodes: Tensor

    def to(self, device: torch.device | str) -> "NodeTensors":
        """Copy the arrays to a device."""
        return NodeTensors(**{name: value.to(device) for name, value in vars(self).items()})


@dataclass(frozen=True, kw_only=True, eq=False)
class StepTensors:
    """Derivations of N programs of up to T steps, with what the decoder is told at each step.

    Args:
        ids: int16 (N, T), -1 at padding.
        symbol: uint8 (N, T), context of the open nonterminal.
        node: int16 (N, T), nodes made before the step: the place that the step is about.
        context: int32 (N, T), row of `legal`; what may follow, but for the budget.
        group: int8 (N, T), nonterminal whose productions compete, -1 where there is no choice.
        target: int16 (N, T), column of the right production; 0 at padding.
        pair: int16 (N, T), row of `pairs`; 0 at padding.
        pairs: int64 (pairs, 2), production before (their number at the start) and context.
        definition: int16 (N, slots), step that defines each slot, -1 for none.
        lengths: int32 (N,).
        legal: bool (contexts, columns of the head).
    """

    ids: Tensor
    symbol: Tensor
    node: Tensor
    context: Tensor
    group: Tensor
    target: Tensor
    pair: Tensor
    pairs: Tensor
    definition: Tensor
    lengths: Tensor
    legal: Tensor

    def to(self, device: torch.device | str) -> "StepTensors":
        """Copy the arrays to a device."""
        return StepTensors(**{name: value.to(device) for name, value in vars(self).items()})


def count_nodes(ids: NDArray[np.integer]) -> NDArray[np.int32]:
    """Return int32 (N,), the nodes of each program of ids (N, T), padded with -1."""
    makes_node = (graph_tables().kind >= 0)[np.maximum(ids, 0)] & (ids >= 0)
    return makes_node.sum(axis=1, dtype=np.int32)


def node_tensors(ids: NDArray[np.integer]) -> NodeTensors:
    """Return the graphs of derivations (N, T), complete and padded with -1."""
    lengths = _lengths(ids)
    shape = len(ids), int(count_nodes(ids).max(initial=1))
    arrays = {
        name: torch.full(shape, -1, dtype=torch.int8 if name == "slot" else torch.int16)
        for name in ("kind", "slot", "constant", "place", "parent", "sibling", "use")
    }
    arrays["num_nodes"] = torch.zeros(len(ids), dtype=torch.int32)
    walk, chunks = NodeWalk.of_language(), chunks_of(lengths)

    def fill(chunk: int) -> None:
        rows = chunks[chunk]
        cut = ids[rows, : lengths[rows].max(initial=0)]
        walk.fill(arrays, torch.from_numpy(rows), torch.from_numpy(cut))

    work_on(fill, len(chunks))
    return NodeTensors(**arrays)


def step_tensors(ids: NDArray[np.integer]) -> StepTensors:
    """Return what is known at the steps of derivations (N, T), complete and padded with -1."""
    lengths = _lengths(ids)
    walk, chunks = StepWalk.up_to(max(ids.shape[1], 4)), chunks_of(lengths)
    arrays = {name: torch.empty(ids.shape, dtype=dtype) for name, dtype in _STEP_DTYPES.items()}
    arrays["definition"] = torch.empty(len(ids), NUM_SLOTS, dtype=torch.int16)
    arrays["lengths"] = torch.empty(len(ids), dtype=torch.int32)

    def fill(chunk: int) -> Tensor:
        rows = chunks[chunk]
        # The step after the last one is known otherwise than those behind it.
        cut = ids[rows, : lengths[rows].max(initial=0) + 2]
        return walk.fill(arrays, torch.from_numpy(rows), torch.from_numpy(cut))

    parts = work_on(fill, len(chunks))
    states = torch.unique(torch.cat(parts))
    alike, legal = legal_in(states)
    has_choice = legal.sum(dim=1) > 1
    is_followed = torch.zeros(num_followed(), dtype=torch.bool)

    def look(chunk: int) -> None:
        rows = torch.from_numpy(chunks[chunk])
        walk.finish(arrays, rows, alike[torch.searchsorted(states, parts[chunk])], has_choice)
        is_followed[follows(arrays["ids"][rows], arrays["symbol"][rows])] = True

    def number(chunk: int) -> None:
        rows = torch.from_numpy(chunks[chunk])
        arrays["pair"][rows] = numbers[follows(arrays["ids"][rows], arrays["symbol"][rows])]

    work_on(look, len(chunks))
    numbers = (is_followed.cumsum(0) - 1).to(torch.int16)
    work_on(number, len(chunks))
    pairs = followed(is_followed.nonzero().squeeze(1))
    return StepTensors(**arrays, pairs=pairs, legal=legal)


def _lengths(ids: NDArray[np.integer]) -> NDArray[np.int32]:
    return (ids >= 0).sum(axis=1, dtype=np.int32)


def legal_in(states: Tensor) -> tuple[Tensor, Tensor]:
    """Return the number of what is legal in each state, and what is legal by number and column.

    The budget is left out: there is always a step to spare.

    Args:
        states: int64 (states,), contexts with their facts; see `StepWalk`.
    """
    machine = ConstraintMachine("cpu", MAX_STEPS)
    roomy = Contexts(
        symbol=states >> len(FACTS),
        facts=states & (1 << len(FACTS)) - 1,
        length=torch.full_like(states, -machine.max_steps),
    )
    # Many facts make no difference where they hold, so most rows are alike.
    legal, alike = torch.unique(
        by_column(machine.allowed_in(roomy), columns()), dim=0, return_inverse=True
    )
    return alike, legal


def by_column(allowed: Tensor, head: Columns) -> Tensor:
    """Return bool (..., columns): which columns stand for something allowed, (..., productions)."""
    column = torch.as_tensor(head.column, device=allowed.device)
    found = torch.zeros((*allowed.shape[:-1], head.num_columns), device=allowed.device)
    return found.index_add_(-1, column, allowed.float()) > 0
