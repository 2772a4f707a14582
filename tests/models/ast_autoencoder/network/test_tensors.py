"""The arrays of a data set against graphs and machine."""

import numpy as np
import torch
from program_rules.graphs import CHILD, LAST_USE, NEXT_SIBLING, build_graphs

from models.ast_autoencoder.network import chunks
from models.ast_autoencoder.network.columns import columns
from models.ast_autoencoder.network.node_rows import MAX_DEPTH, NUM_ROLES
from models.ast_autoencoder.network.tensors import (
    by_column,
    count_nodes,
    node_tensors,
    step_tensors,
)
from models.programs.language.machine import ConstraintMachine


def test_nodes_are_those_of_the_graphs(program_ids):
    ids = program_ids[:30]
    tensors, graphs = node_tensors(ids), build_graphs(ids)
    assert tensors.num_nodes.tolist() == np.diff(graphs.node_ptr).tolist()
    assert tensors.num_nodes.tolist() == count_nodes(ids).tolist()
    for row in range(30):
        size = int(tensors.num_nodes[row])
        assert tensors.kind[row, :size].tolist() == graphs[row].kind.tolist()
        assert (tensors.kind[row, size:] == -1).all()
        assert tensors.slot[row, :size].tolist() == graphs[row].slot.tolist()


def test_sources_and_places_are_those_of_the_graphs(program_ids):
    """The graphs are built by another walk, and their edges by sorting."""
    tensors = node_tensors(program_ids)
    for row, graph in enumerate(map(build_graphs(program_ids).__getitem__, range(200))):
        size = graph.node_ptr[-1]
        place = np.minimum(graph.depth, MAX_DEPTH) * NUM_ROLES + graph.role
        assert tensors.place[row, :size].tolist() == place.tolist()
        assert tensors.constant[row, :size].tolist() == graph.constant.tolist()
        for edge, found in (
            (CHILD, tensors.parent),
            (NEXT_SIBLING, tensors.sibling),
            (LAST_USE, tensors.use),
        ):
            expected = np.full(found.shape[1], -1)
            source, target = graph.edge_index[:, graph.edge_type == edge]
            expected[target] = source
            assert found[row].tolist() == expected.tolist()


def test_every_node_but_the_first_has_a_parent_before_it(program_ids):
    tensors = node_tensors(program_ids[:30])
    number = torch.arange(tensors.kind.shape[1])
    real = tensors.kind >= 0
    assert (tensors.parent[:, 0] == -1).all()
    assert ((tensors.parent < number) & (tensors.parent >= 0))[:, 1:][real[:, 1:]].all()


def test_legal_is_what_the_machine_allows_with_steps_to_spare(program_ids):
    ids = program_ids[:30]
    steps = step_tensors(ids)
    machine = ConstraintMachine("cpu", 500)
    allowed = by_column(
        machine.allowed_in(machine.contexts_along(torch.from_numpy(ids))), columns()
    )
    real = steps.ids >= 0
    assert torch.equal(steps.legal[steps.context.long()][real], allowed[real])


def test_steps_behind_the_last_one_have_nothing_to_say(program_ids):
    ids = np.pad(program_ids, ((0, 0), (0, 3)), constant_values=-1)
    steps, num_nodes = step_tensors(ids), count_nodes(ids)
    for row, length in enumerate((ids >= 0).sum(1)):
        for name, fill in (("ids", -1), ("symbol", 0), ("group", -1), ("target", 0)):
            assert (getattr(steps, name)[row, length:] == fill).all(), name
        assert (steps.node[row, length:] == int(num_nodes[row])).all()
        assert (steps.pair[row, length:] == steps.pair[row, 0]).all()
        assert not steps.legal[steps.context[row, length:].long()].any()


def test_steps_know_what_they_follow(program_ids):
    steps = step_tensors(program_ids[:30])
    real = steps.ids[:, 1:] >= 0
    pairs = steps.pairs[steps.pair.long()]
    assert torch.equal(pairs[:, 1:, 0][real], steps.ids[:, :-1][real].long())
    assert torch.equal(pairs[:, 1:, 1][real], steps.symbol[:, 1:][real].long())


def test_a_step_is_about_the_node_that_it_may_make(program_ids):
    steps, nodes = step_tensors(program_ids[:30]), node_tensors(program_ids[:30])
    last = steps.node.gather(1, (steps.lengths.long() - 1)[:, None]).squeeze(1)
    assert (last <= nodes.num_nodes).all()
    assert (steps.node[:, 0] == 0).all()


def test_columns_of_a_nonterminal_hold_its_productions_and_no_others():
    cut = columns()
    for group, name in enumerate(cut.nonterminals):
        own = np.nonzero(cut.group == group)[0]
        held = cut.column[own]
        slots = range(cut.num_weighted, cut.num_columns if cut.has_slots[group] else 0)
        assert set(held) <= {*range(cut.starts[group], cut.starts[group + 1]), *slots}, name
        assert len(set(held)) == len(own)


def test_programs_that_are_worked_on_in_parts_give_the_same_arrays(program_ids, monkeypatch):
    ids = program_ids[:30]
    for make in (node_tensors, step_tensors):
        whole = make(ids)
        monkeypatch.setattr(chunks, "_CHUNK_STEPS", 300)
        in_parts = make(ids)
        monkeypatch.undo()
        for name, value in vars(whole).items():
            assert value.dtype == getattr(in_parts, name).dtype
            assert torch.equal(value, getattr(in_parts, name)), name
