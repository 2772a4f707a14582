"""Graphs back to derivations: proof that a graph holds all of its program."""

from models.ast_autoencoder.language.graph_tables import continues, graph_tables
from models.ast_autoencoder.language.graphs import CHILD, ProgramGraphs
from models.ast_autoencoder.language.kinds import Kind, language

_END = {"NUMBER": "digits_end", "CHARS": "chars_end", "ITEMS": "items_end"}


def graph_to_ids(graphs: ProgramGraphs, row: int = 0) -> list[int]:
    """Return the derivation of one program, from its graph's nodes and child edges."""
    return _GraphReader(graphs[row]).expand([0])


class _GraphReader:
    """Walks down the child edges of one graph."""

    def __init__(self, graph: ProgramGraphs) -> None:
        self._graph = graph
        self._children: list[list[list[int]]] = [[[] for _ in range(8)] for _ in graph.kind]
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

    def expand(self, nodes: list[int]) -> list[int]:
        """Return the productions of nodes that stand beside each other."""
        ids: list[int] = []
        for node in nodes:
            kind = self._kind(node)
            ids.append(kind.id)
            for place, nonterminal in enumerate(kind.children):
                if not continues(kind, place):
                    ids += self._below(nonterminal, self._children[node][place])
        return ids

    def _below(self, nonterminal: str, nodes: list[int]) -> list[int]:
        """Return the productions of what one nonterminal of a right-hand side holds."""
        of = language()
        if nonterminal == "ITEMS":
            items = [id_ for node in nodes for id_ in (of.id_of("more"), *self.expand([node]))]
            return [*items, of.id_of("items_end")]
        ids = self.expand(nodes)
        if nonterminal == "BLOCK" and self._kind(nodes[-1]).children[-1] == "BLOCK":
            ids.append(of.id_of("end"))
        if nonterminal in _END:
            ids.append(of.id_of(_END[nonterminal]))
        return ids

    def _kind(self, node: int) -> Kind:
        graph = self._graph
        kind, slot, constant = (
            int(values[node]) for values in (graph.kind, graph.slot, graph.constant)
        )
        # The slot of a definition follows from its place, so that it names no production.
        return self._production.get((kind, slot, constant)) or self._production[kind, -1, constant]
