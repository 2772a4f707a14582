"""Programs as graphs of nodes and lists of edges: what `node_tensors` makes, a second time.

Nodes stand in the order of the derivation, parents before children. Statements of a block are
children of what owns the block, in order. Edges are linear in the size of the program.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.programs.language.graph_tables import GraphTables, graph_tables

CHILD, PARENT, NEXT_SIBLING, LAST_USE = range(4)
"""Types of edges: parent to child, child to parent, sibling to the next one, and the use of a slot
to the next use of it."""

_CHUNK_ROWS = 4096
"""Programs at a time; keeps the arrays of a step in the cache."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ProgramGraphs:
    """Graphs of N programs with M nodes and E edges in all, one program after the other.

    Args:
        node_ptr: int64 (N + 1,), where the nodes of each program start.
        edge_ptr: int64 (N + 1,), where its edges start.
        kind: int16 (M,), index into `node_kinds()`.
        role: int8 (M,), place of the node, or of the block that it is in, among its parent's
            children.
        depth: int16 (M,), 0 for the program itself.
        slot: int8 (M,), slot that the node reads, defines or changes, else -1.
        constant: int16 (M,), index into `constants()`, else -1.
        edge_index: int32 (2, E), nodes counted from the program's first.
        edge_type: int8 (E,), CHILD, PARENT, NEXT_SIBLING or LAST_USE.
    """

    node_ptr: NDArray[np.int64]
    edge_ptr: NDArray[np.int64]
    kind: NDArray[np.int16]
    role: NDArray[np.int8]
    depth: NDArray[np.int16]
    slot: NDArray[np.int8]
    constant: NDArray[np.int16]
    edge_index: NDArray[np.int32]
    edge_type: NDArray[np.int8]

    @property
    def num_programs(self) -> int:
        """Number of programs N."""
        return len(self.node_ptr) - 1

    def select(self, rows: NDArray[np.integer] | Sequence[int]) -> "ProgramGraphs":
        """Return the graphs of some programs, in that order."""
        rows = np.asarray(rows, dtype=np.int64)
        node_ptr, nodes = _ranges(self.node_ptr, rows)
        edge_ptr, edges = _ranges(self.edge_ptr, rows)
        return ProgramGraphs(
            node_ptr=node_ptr,
            edge_ptr=edge_ptr,
            kind=self.kind[nodes],
            role=self.role[nodes],
            depth=self.depth[nodes],
            slot=self.slot[nodes],
            constant=self.constant[nodes],
            edge_index=self.edge_index[:, edges],
            edge_type=self.edge_type[edges],
        )

    def __getitem__(self, row: int) -> "ProgramGraphs":
        return self.select([row])


def build_graphs(ids: NDArray[np.integer]) -> ProgramGraphs:
    """Return the graphs of programs.

    Args:
        ids: (N, T), complete derivations padded with -1; they are not checked.
    """
    chunks = [_build(ids[first : first + _CHUNK_ROWS]) for first in range(0, len(ids), _CHUNK_ROWS)]
    return join_graphs(chunks or [_build(ids)])


def join_graphs(parts: Sequence[ProgramGraphs]) -> ProgramGraphs:
    """Return the graphs of all parts, one after the other."""

    def starts(name: str) -> NDArray[np.int64]:
        sizes = [np.diff(getattr(part, name)) for part in parts]
        return np.concatenate([[0], np.cumsum(np.concatenate(sizes))]).astype(np.int64)

    names = ("kind", "role", "depth", "slot", "constant", "edge_index", "edge_type")
    joined = {n: np.concatenate([getattr(part, n) for part in parts], axis=-1) for n in names}
    return ProgramGraphs(node_ptr=starts("node_ptr"), edge_ptr=starts("edge_ptr"), **joined)


def _build(ids: NDArray[np.integer]) -> ProgramGraphs:
    tables = graph_tables()
    legal = ids >= 0
    production_ids = np.where(legal, ids, 0)
    is_node = legal & (tables.kind[production_ids] >= 0)
    places = _Places.walk(production_ids, legal, is_node, tables)
    slot = _slots(production_ids, legal, places, tables)
    program, _ = np.nonzero(is_node)
    parent = places.parent[is_node]
    empty = np.zeros(len(ids) + 1, dtype=np.int64)
    graphs = ProgramGraphs(
        node_ptr=np.append(0, np.cumsum(is_node.sum(axis=1))),
        edge_ptr=empty,
        kind=tables.kind[production_ids[is_node]],
        role=places.role[is_node],
        depth=places.depth[is_node],
        slot=slot[is_node],
        constant=tables.constant[production_ids[is_node]],
        edge_index=np.zeros((2, 0), dtype=np.int32),
        edge_type=np.zeros(0, dtype=np.int8),
    )
    return _with_edges(graphs, program, parent)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Places:
    """Where each step's node stands; (programs, steps) each.

    Args:
        parent: int32, number of the parent among the program's nodes, -1 for the program itself.
        role: int8, see ProgramGraphs.
        depth: int16.
        counter: int8, slot of the counter of the while around it, or -1.
    """

    parent: NDArray[np.int32]
    role: NDArray[np.int8]
    depth: NDArray[np.int16]
    counter: NDArray[np.int8]

    @staticmethod
    def walk(
        ids: NDArray[np.integer],
        legal: NDArray[np.bool_],
        is_node: NDArray[np.bool_],
        tables: GraphTables,
    ) -> "_Places":
        """Run one stack per program along its derivation."""
        num_rows, num_steps = ids.shape
        width = tables.role.shape[1]
        rows = np.arange(num_rows)
        node = (np.cumsum(is_node, axis=1) - 1).astype(np.int64)
        found = _Places(
            parent=np.full(ids.shape, -1, dtype=np.int32),
            role=np.zeros(ids.shape, dtype=np.int8),
            depth=np.zeros(ids.shape, dtype=np.int16),
            counter=np.full(ids.shape, -1, dtype=np.int8),
        )
        # Parent, role, depth and counter of every open place; the program is its own.
        stack = np.zeros((num_rows, num_steps + width + 1, 4), dtype=np.int32)
        stack[:, 0] = (-1, 0, 0, -1)
        height = np.ones(num_rows, dtype=np.int64)
        for step in range(num_steps):
            chosen = ids[:, step]
            top = np.maximum(height - 1, 0)
            entry = stack[rows, top]
            found.parent[:, step], found.role[:, step] = entry[:, 0], entry[:, 1]
            found.depth[:, step], found.counter[:, step] = entry[:, 2], entry[:, 3]
            below = np.stack([node[:, step], entry[:, 1], entry[:, 2] + 1, entry[:, 3]], axis=1)
            following = ids[:, min(step + 1, num_steps - 1)]
            below[:, 3] = np.where(tables.counts[chosen], tables.slot[following], below[:, 3])
            for place in range(width):
                beside = tables.continues[chosen, place][:, None]
                pushed = np.where(beside, entry, below)
                pushed[:, 1] = np.where(beside[:, 0], entry[:, 1], tables.role[chosen, place])
                stack[rows, top + place] = pushed
            height += np.where(legal[:, step], tables.num_children[chosen] - 1, 0)
        return found


def _slots(
    ids: NDArray[np.integer],
    legal: NDArray[np.bool_],
    places: _Places,
    tables: GraphTables,
) -> NDArray[np.int8]:
    """Return int8 (programs, steps), the slot that each step reads, defines or changes, or -1."""
    defines = tables.defines[ids] * legal
    first_new = np.cumsum(defines, axis=1) - defines
    slot = np.where(defines > 0, first_new, tables.slot[ids])
    return np.where(tables.steps[ids], places.counter, slot).astype(np.int8)


def _with_edges(
    graphs: ProgramGraphs, program: NDArray[np.int64], parent: NDArray[np.int32]
) -> ProgramGraphs:
    """Add the edges, those of each program together and by type."""
    start = graphs.node_ptr[program]
    nodes = np.arange(len(program))
    below = nodes[parent >= 0]
    above = (start + parent)[below]
    used = nodes[graphs.slot >= 0]
    slots = program[used] * 128 + graphs.slot[used]  # one number for each slot of each program
    # Sources and targets by type; each list is in the order of programs.
    by_type = [
        (above, below),
        (below, above),
        _neighbours(below, above),
        _neighbours(used, slots),
    ]
    counts = [
        np.bincount(program[sources], minlength=graphs.num_programs) for sources, _ in by_type
    ]
    edge_ptr = np.append(0, np.cumsum(np.sum(counts, axis=0)))
    edge_index = np.zeros((2, edge_ptr[-1]), dtype=np.int32)
    edge_type = np.zeros(edge_ptr[-1], dtype=np.int8)
    first = edge_ptr[:-1]
    for number, ((sources, targets), count) in enumerate(zip(by_type, counts, strict=True)):
        before = np.cumsum(count) - count
        owner = program[sources]
        place = first[owner] + np.arange(len(sources)) - before[owner]
        edge_index[:, place] = sources - start[sources], targets - start[sources]
        edge_type[place] = number
        first = first + count
    return replace(graphs, edge_ptr=edge_ptr, edge_index=edge_index, edge_type=edge_type)


def _neighbours(
    nodes: NDArray[np.int64], groups: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each node of a group, in order, with the next one of the same group."""
    order = np.argsort(groups, kind="stable")
    same = groups[order][1:] == groups[order][:-1]
    return nodes[order][:-1][same], nodes[order][1:][same]


def _ranges(
    pointers: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return new pointers for some rows, and the positions of all that belongs to them."""
    sizes = np.diff(pointers)[rows]
    new = np.append(0, np.cumsum(sizes))
    offsets = np.repeat(pointers[rows] - new[:-1], sizes)
    return new, np.arange(new[-1]) + offsets
