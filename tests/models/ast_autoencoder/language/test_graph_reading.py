from hypothesis import given, settings
from hypothesis import strategies as st

from models.ast_autoencoder.language.graph_reading import graph_to_ids
from models.ast_autoencoder.language.graphs import build_graphs


@given(data=st.data(), seed=st.integers(0, 2**32), max_steps=st.integers(4, 120))
@settings(max_examples=15, deadline=None)
def test_a_graph_holds_all_of_its_program(data, seed, max_steps, flavours, sample_programs):
    """So programs that differ have graphs that differ."""
    ids = sample_programs(16, max_steps, seed, data.draw(flavours))
    graphs = build_graphs(ids.numpy())
    for row, expected in enumerate(ids.tolist()):
        assert graph_to_ids(graphs, row) == [i for i in expected if i >= 0]
