"""Graphs back to derivations: proof that a graph holds all of its program."""

from hypothesis import given, settings
from hypothesis import strategies as st
from program_rules.graphs import CHILD, build_graphs

from models.programs.language.graph_tables import continues, graph_tables
from models.programs.language.kinds import language
from models.programs.language.tree import MORE

ENDS = {"NUMBER": "digits_end", "DIGITS": "digits_end", "CHARS": "chars_end"}


def graph_to_ids(graphs, row=0):
    """Return the derivation of one program, from its graph's nodes and child edges."""
    return GraphReader(graphs[row]).expand([0])


class GraphReader:
    """Walks down the child edges of one graph."""

    def __init__(self, graph):
        self._graph = graph
        self._children = [[[] for _ in range(8)] for _ in graph.kind]
        child_edges = graph.edge_index[:, graph.edge_type == CHILD].T.tolist()
        for parent, child in sorted(child_edges):
            self._children[parent][int(graph.role[child])].append(child)
        tables = graph_tables()
        of = language()
        self._production = {
            (int(tables.kind[k.id]), int(tables.slot[k.id]), int(tables.constant[k.id])): k
            for k in of.kinds
            if k.makes_node
        }

    def expand(self, nodes):
        """Return the productions of nodes that stand beside each other."""
        ids = []
        for node in nodes:
            kind = self._kind(node)
            ids.append(kind.id)
            for place, nonterminal in enumerate(kind.children):
                if not continues(kind, place):
                    ids += self._below(nonterminal, self._children[node][place])
        return ids

    def _below(self, nonterminal, nodes):
        """Return the productions of what one nonterminal of a right-hand side holds."""
        of = language()
        if nonterminal in MORE:
            more = of.named(MORE[nonterminal])
            size = len(more.children) - 1  # of an item: a key and its value are two nodes
            starts = range(0, len(nodes), size)
            items = [id_ for i in starts for id_ in (more.id, *self.expand(nodes[i : i + size]))]
            return [*items, of.id_of(f"{nonterminal.lower()}_end")]
        if nonterminal == "WHERE" and not nodes:
            return [of.id_of("where_end")]
        ids = self.expand(nodes)
        if nonterminal == "BLOCK" and self._kind(nodes[-1]).children[-1:] == ("BLOCK",):
            ids.append(of.id_of("end"))
        if nonterminal in ENDS:
            ids.append(of.id_of(ENDS[nonterminal]))
        return ids

    def _kind(self, node):
        graph = self._graph
        kind, slot, constant = (
            int(values[node]) for values in (graph.kind, graph.slot, graph.constant)
        )
        # The slot of a definition follows from its place, so that it names no production.
        return self._production.get((kind, slot, constant)) or self._production[kind, -1, constant]


@given(data=st.data(), seed=st.integers(0, 2**32), max_steps=st.integers(4, 120))
@settings(max_examples=15, deadline=None)
def test_a_graph_holds_all_of_its_program(data, seed, max_steps, flavours, sample_programs):
    """So programs that differ have graphs that differ."""
    ids = sample_programs(16, max_steps, seed, data.draw(flavours))
    graphs = build_graphs(ids.numpy())
    for row, expected in enumerate(ids.tolist()):
        assert graph_to_ids(graphs, row) == [i for i in expected if i >= 0]
