"""Messages along edges against the graphs, edge by edge."""

import pytest
import torch
from program_rules.graphs import build_graphs

from models.ast_autoencoder.network import convolutions
from models.ast_autoencoder.network.convolutions import build_convolution


@pytest.fixture
def nodes(batch):
    return batch(slice(0, 12)).nodes


def test_messages_follow_the_edges_of_the_graphs(nodes, program_ids):
    graphs = build_graphs(program_ids[:12])
    torch.manual_seed(0)
    sent = torch.randn(*nodes.kind.shape, 8)
    received = convolutions._received(sent, nodes)
    for number in range(12):
        graph = graphs[number]
        expected = torch.zeros_like(sent[number])
        counts = torch.zeros(len(expected))
        # Channels of each type of edge: child, parent, next sibling, last use.
        for (source, target), kind in zip(
            graph.edge_index.T.tolist(), graph.edge_type.tolist(), strict=True
        ):
            channels = slice(2 * kind, 2 * kind + 2)
            expected[target, channels] += sent[number, source, channels]
            counts[target] += kind == 1
        expected[:, 2:4] /= counts.clamp(min=1).sqrt()[:, None]
        torch.testing.assert_close(received[number], expected)


@pytest.mark.parametrize("kind", ["gcn", "relational", "gatv2"])
def test_a_program_is_encoded_alike_in_any_batch(kind, batch):
    torch.manual_seed(0)
    layer = build_convolution(kind, 16)
    many, alone = batch(slice(0, 6)).nodes, batch(slice(2, 3)).nodes
    size = alone.kind.shape[1]
    inputs = torch.randn(*many.kind.shape, 16)
    together = layer(inputs, many)[2:3, :size]
    torch.testing.assert_close(together, layer(inputs[2:3, :size], alone), rtol=1e-4, atol=1e-5)


def test_attention_sees_the_edges_of_the_graphs(nodes, program_ids):
    graphs = build_graphs(program_ids[:12])
    edges, types = convolutions._edges(nodes)
    size = nodes.kind.shape[1]
    ours = set(zip(*edges.tolist(), types.tolist(), strict=True))
    of_type = {0: 0, 1: 3, 2: 1, 3: 2}  # child, parent, sibling and use, as they stand there
    theirs = {
        (number * size + source, number * size + target, of_type[kind])
        for number in range(12)
        for (source, target), kind in zip(
            graphs[number].edge_index.T.tolist(), graphs[number].edge_type.tolist(), strict=True
        )
    }
    assert ours == theirs
