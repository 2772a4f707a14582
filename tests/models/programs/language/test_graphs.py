import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from program_rules.graphs import (
    CHILD,
    LAST_USE,
    NEXT_SIBLING,
    PARENT,
    build_graphs,
    join_graphs,
)

from models.grammar.derivation import pad
from models.programs.language.from_source import source_to_ids
from models.programs.language.graph_tables import constants, node_kinds

FIELDS = ("kind", "role", "depth", "slot", "constant", "edge_index", "edge_type")


def graph_of(source):
    return build_graphs(np.array([source_to_ids(source).ids]))


def edges(graph, edge_type):
    return sorted(map(tuple, graph.edge_index[:, graph.edge_type == edge_type].T.tolist()))


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in FIELDS)


def test_a_program_as_a_graph():
    graph = graph_of(
        "def f(xs: list, n: int):\n    t = 77\n    for x in xs:\n        t += x\n    return n"
    )
    kinds = [node_kinds()[kind] for kind in graph.kind]
    assert kinds == [
        "PROGRAM program_int",
        "PARAM param_list",
        "PARAM last_int",
        "BLOCK let_int",
        "INT number",
        "NUMBER digit",
        "DIGITS digit",
        "BLOCK for_slot",
        "SLOT slot",
        "BLOCK iadd",
        "SLOT slot",
        "INT slot",
        "BLOCK return_int",
        "INT slot",
    ]
    assert graph.slot.tolist() == [-1, 0, 1, 2, -1, -1, -1, 3, 0, -1, 2, 3, -1, 1]
    assert graph.depth.tolist() == [0, 1, 1, 1, 2, 3, 3, 1, 2, 2, 3, 3, 1, 2]
    assert graph.role.tolist() == [0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 1, 1, 0]
    assert [constants()[c] for c in graph.constant if c >= 0] == ["7", "7"]
    assert edges(graph, CHILD) == [
        (0, 1), (0, 2), (0, 3), (0, 7), (0, 12), (3, 4), (4, 5), (4, 6), (7, 8), (7, 9), (9, 10),
        (9, 11), (12, 13),
    ]  # fmt: skip
    assert edges(graph, PARENT) == sorted((b, a) for a, b in edges(graph, CHILD))
    assert edges(graph, NEXT_SIBLING) == [
        (1, 2), (2, 3), (3, 7), (5, 6), (7, 12), (8, 9), (10, 11),
    ]  # fmt: skip
    assert edges(graph, LAST_USE) == [(1, 8), (2, 13), (3, 10), (7, 11)]


def test_the_step_of_a_loop_uses_its_counter():
    graph = graph_of(
        "def f(a: int, b: int, c: int):\n    while a < 9:\n        while b > 0:\n"
        "            c = a\n            b //= 2\n        a += 1\n    return c"
    )
    steps = {
        node_kinds()[kind]: slot
        for kind, slot in zip(graph.kind, graph.slot, strict=True)
        if "step" in node_kinds()[kind]
    }
    assert steps == {"BLOCK step_add": 0, "BLOCK step_floordiv": 1}


def test_programs_that_differ_in_a_name_of_python_only_have_different_graphs():
    texts = ("max(xs)", "sum(xs)", "len(xs)", "xs[0]", "xs[1]", "xs[-1]", "len('a')", "len('b')")
    graphs = [graph_of(f"def f(xs: list):\n    return {text}") for text in texts]
    for place, graph in enumerate(graphs):
        assert [same(graph, other) for other in graphs].index(True) == place


@given(data=st.data(), seed=st.integers(0, 2**32), max_steps=st.integers(4, 120))
@settings(max_examples=10, deadline=None)
def test_edges_follow_from_parents_and_slots(data, seed, max_steps, flavours, sample_programs):
    ids = sample_programs(8, max_steps, seed, data.draw(flavours)).numpy()
    graphs = build_graphs(ids)
    for row in range(8):
        graph = graphs[row]
        parents = {child: parent for parent, child in edges(graph, CHILD)}
        assert sorted(parents) == list(range(1, len(graph.kind)))
        assert all(parent < child for child, parent in parents.items())
        assert all(graph.depth[c] == graph.depth[p] + 1 for c, p in parents.items())
        siblings, uses, last_child, last_use = [], [], {}, {}
        for node in range(len(graph.kind)):
            parent, slot = parents.get(node), graph.slot[node]
            if parent in last_child:
                siblings.append((last_child[parent], node))
            if slot in last_use:
                uses.append((last_use[slot], node))
            last_child[parent] = node
            if slot >= 0:
                last_use[slot] = node
        assert edges(graph, NEXT_SIBLING) == sorted(siblings)
        assert edges(graph, LAST_USE) == sorted(uses)
        assert len(graph.edge_type) < 4 * len(graph.kind)
        assert graph.edge_ptr.tolist() == [0, len(graph.edge_type)]


@given(data=st.data(), seed=st.integers(0, 2**32))
@settings(max_examples=5, deadline=None)
def test_a_batch_is_its_programs_one_by_one(data, seed, flavours, sample_programs):
    ids = sample_programs(12, 60, seed, data.draw(flavours)).numpy().astype(np.int16)
    graphs = build_graphs(ids)
    alone = [build_graphs(pad([[i for i in row if i >= 0]])) for row in ids.tolist()]
    assert graphs.num_programs == 12
    assert all(same(graphs[row], alone[row]) for row in range(12))
    assert same(join_graphs(alone), graphs)
    rows = [7, 2, 2, 11]
    assert same(graphs.select(rows), build_graphs(ids[rows]))
    assert np.array_equal(graphs.select(rows).node_ptr, build_graphs(ids[rows]).node_ptr)


def test_no_programs_are_no_graphs():
    graphs = build_graphs(np.zeros((0, 10), dtype=np.int16))
    assert graphs.num_programs == len(graphs.kind) == graphs.edge_index.shape[1] == 0
