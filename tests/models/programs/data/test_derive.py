import numpy as np
from program_rules.checking import check_programs
from program_rules.graphs import build_graphs

from models.programs.data.derive import count_nodes, tree_to_ids
from models.programs.language.from_source import source_to_ids
from models.programs.language.tree import to_tree

SPELLED = """
def program(n: int, s: str) -> list:
    xs = [n, -12345, 1, 2, 3, 99]
    if s == "it's #1":
        xs.append(-1)
    return xs
"""


def padded(programs):
    ids = np.full((len(programs), max(map(len, programs))), -1, dtype=np.int16)
    for row, program in enumerate(programs):
        ids[row, : len(program)] = program
    return ids


def test_trees_and_derivations_round_trip(program_ids):
    for row in program_ids:
        ids = tuple(row[row >= 0].tolist())
        assert tree_to_ids(to_tree(ids)) == ids


def test_spelled_constants_round_trip():
    ids = source_to_ids(SPELLED).ids
    assert tree_to_ids(to_tree(ids)) == ids


def test_drafts_keep_the_rules_of_the_language(drafts):
    programs = [tree_to_ids(tree) for tree in drafts]
    check_programs(padded(programs))
    for ids in programs:
        assert tree_to_ids(to_tree(ids)) == ids


def test_nodes_are_counted_as_in_graphs(drafts):
    programs = [*map(tree_to_ids, drafts), source_to_ids(SPELLED).ids]
    graphs = build_graphs(padded(programs))
    assert [count_nodes(ids) for ids in programs] == np.diff(graphs.node_ptr).tolist()
