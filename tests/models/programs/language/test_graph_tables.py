import numpy as np

from models.programs.language.graph_tables import constants, graph_tables, node_kinds
from models.programs.language.kinds import language


def test_kind_slot_and_constant_of_a_node_name_its_production():
    tables = graph_tables()
    nodes = [kind.id for kind in language().kinds if tables.kind[kind.id] >= 0]
    triples = {(tables.kind[i], tables.slot[i], tables.constant[i]) for i in nodes}
    assert len(triples) == len(nodes)


def test_ends_and_links_of_sequences_are_no_nodes():
    missing = {kind.name for kind in language().kinds if graph_tables().kind[kind.id] < 0}
    assert missing == {
        *("end", "digits_end", "chars_end", "items_end", "text_items_end", "where_end"),
        *("more", "more_texts"),
        *(f"{key}_to_{value}_pairs_end" for key in ("int", "str") for value in ("int", "str")),
        *(f"more_{key}_to_{value}" for key in ("int", "str") for value in ("int", "str")),
    }


def test_indexes_stay_within_their_tables():
    tables = graph_tables()
    assert sorted(set(tables.kind.tolist())) == list(range(-1, len(node_kinds())))
    assert sorted(set(tables.constant.tolist())) == list(range(-1, len(constants())))
    assert True in constants()
    assert np.array_equal(tables.num_children > 0, [bool(k.children) for k in language().kinds])
