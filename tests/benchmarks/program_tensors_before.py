"""How arrays of programs were made before, to compare with.

In chunks of programs of any length over all cores, with all steps numbered by sorting.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import numpy as np
import torch
from program_rules.graphs import CHILD, LAST_USE, NEXT_SIBLING, build_graphs

from models.ast_autoencoder.network.columns import columns
from models.ast_autoencoder.network.node_rows import MAX_DEPTH, NOWHERE, NUM_ROLES
from models.ast_autoencoder.network.tensors import (
    NodeTensors,
    StepTensors,
    count_nodes,
    legal_in,
)
from models.commands.process import usable_cores
from models.optimization.parts import torch_threads
from models.programs.language.graph_tables import graph_tables
from models.programs.language.kinds import NUM_SLOTS
from models.programs.language.machine import ConstraintMachine
from models.programs.language.scopes import FACTS

_CHUNK_ROWS = 4096


def node_tensors(ids):
    """Return the graphs of derivations (N, T), complete and padded with -1."""
    width = int(count_nodes(ids).max(initial=1))
    parts = _in_parts(lambda rows: _padded(build_graphs(rows), width), ids)
    return NodeTensors(
        **{
            f.name: torch.cat([getattr(part, f.name) for part in parts])
            for f in fields(NodeTensors)
        }
    )


def step_tensors(ids):
    """Return what is known at the steps of derivations (N, T), complete and padded with -1."""
    machine = ConstraintMachine("cpu", max(ids.shape[1], 4))
    parts = _in_parts(lambda rows: _along(machine, rows), ids)
    states, context = _numbered([part.pop("state") for part in parts])
    follows, pair = _numbered([part.pop("follows") for part in parts])
    alike, legal = legal_in(torch.from_numpy(states))
    joined = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    context = alike[context]
    has_choice = (legal.sum(dim=1) > 1)[context]
    group = torch.where(has_choice & (joined["ids"] >= 0), joined.pop("group"), -1)
    return StepTensors(
        **joined,
        context=context.to(torch.int32),
        group=group.to(torch.int8),
        pair=pair.to(torch.int16),
        pairs=torch.from_numpy(np.stack([follows >> 8, follows & 0xFF], axis=1)),
        legal=legal,
    )


def _in_parts(work, ids):
    """Work on some programs at a time, side by side: numpy and torch free the interpreter."""
    parts = [ids[s : s + _CHUNK_ROWS] for s in range(0, max(len(ids), 1), _CHUNK_ROWS)]
    with torch_threads(1), ThreadPoolExecutor(usable_cores()) as pool:
        return list(pool.map(work, parts))


def _along(machine, ids):
    """Return what is known at the steps of some programs, and numbers of what is not yet."""
    tables = graph_tables()
    contexts = machine.contexts_along(torch.from_numpy(ids))
    is_real = ids >= 0
    given = np.where(is_real, ids, 0)
    makes_node = (tables.kind >= 0)[given] & is_real
    defines = tables.defines[given] * is_real
    definition = np.full((len(ids), NUM_SLOTS), -1, dtype=np.int16)
    rows, steps = np.nonzero(defines)
    first_new = (np.cumsum(defines, axis=1) - defines)[rows, steps]
    definition[rows, first_new] = steps
    are_two = defines[rows, steps] == 2
    definition[rows[are_two], first_new[are_two] + 1] = steps[are_two]
    return {
        "ids": torch.from_numpy(ids.astype(np.int16)),
        "symbol": contexts.symbol.to(torch.uint8),
        "node": torch.from_numpy((np.cumsum(makes_node, axis=1) - makes_node).astype(np.int16)),
        "group": torch.from_numpy(columns().group[given].astype(np.int8)),
        "target": torch.from_numpy(np.where(is_real, columns().column[given], 0).astype(np.int16)),
        "definition": torch.from_numpy(definition),
        "lengths": torch.from_numpy(is_real.sum(axis=1).astype(np.int32)),
        "state": (contexts.symbol << len(FACTS) | contexts.facts).numpy(),
        "follows": _follows(ids, contexts.symbol.numpy()),
    }


def _padded(graphs, width):
    counts = np.diff(graphs.node_ptr)
    program = np.repeat(np.arange(graphs.num_programs), counts)
    number = np.arange(len(program)) - graphs.node_ptr[program]
    shape = (graphs.num_programs, width)

    def spread(values, dtype):
        array = np.full(shape, -1, dtype=dtype)
        array[program, number] = values
        return torch.from_numpy(array)

    def sources(edge_type):
        array = np.full(shape, NOWHERE, dtype=np.int16)
        owner = np.repeat(np.arange(graphs.num_programs), np.diff(graphs.edge_ptr))
        chosen = graphs.edge_type == edge_type
        source, target = graphs.edge_index[:, chosen]
        array[owner[chosen], target] = source
        return torch.from_numpy(array)

    depth = np.minimum(graphs.depth, MAX_DEPTH)
    return NodeTensors(
        kind=spread(graphs.kind, np.int16),
        slot=spread(graphs.slot, np.int8),
        constant=spread(graphs.constant, np.int16),
        place=spread(depth * NUM_ROLES + graphs.role, np.int16),
        parent=sources(CHILD),
        sibling=sources(NEXT_SIBLING),
        use=sources(LAST_USE),
        num_nodes=torch.from_numpy(counts.astype(np.int32)),
    )


def _numbered(parts):
    """Return the distinct values of all parts, ascending, and the number of each value."""
    distinct = np.unique(np.concatenate([np.unique(part) for part in parts]))
    return distinct, torch.cat([torch.from_numpy(np.searchsorted(distinct, p)) for p in parts])


def _follows(ids, symbol):
    """Return one number for the production before each step and the context."""
    start = np.full((len(ids), 1), len(graph_tables().kind))
    previous = np.concatenate([start, np.maximum(ids[:, :-1], 0)], axis=1).astype(np.int64)
    return np.where(ids >= 0, previous << 8 | symbol, previous[0, 0] << 8 | symbol[0, 0])
