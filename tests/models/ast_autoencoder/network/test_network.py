"""The network as a whole: latents, sizes, learning."""

import numpy as np
import pytest
import torch

from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.loss import step_terms
from models.ast_autoencoder.network.batches import NodeBatch
from models.ast_autoencoder.network.network import build_network
from models.ast_autoencoder.network.tensors import node_tensors
from models.errors import UserError


def encode(network, ids):
    nodes = node_tensors(ids)
    rows = torch.arange(len(ids))
    with torch.no_grad():
        return network.encode(NodeBatch.select(nodes, rows, nodes.kind.shape[1]))


@pytest.mark.parametrize("kind", ["gcn", "relational", "gatv2"])
def test_distinct_programs_have_distinct_latents_on_a_sphere(kind, small, program_ids):
    torch.manual_seed(0)
    network = build_network(small(encoder_kind=kind)).eval()
    latents = encode(network, program_ids)
    torch.testing.assert_close(
        latents.norm(dim=1), torch.full((len(latents),), 24**0.5), rtol=1e-3, atol=0
    )
    distance = torch.cdist(latents, latents) + 10 * torch.eye(len(latents))
    assert distance.min() > 1e-3


def test_padding_does_not_change_a_latent(small, program_ids):
    torch.manual_seed(0)
    network = build_network(small()).eval()
    order = np.argsort((program_ids >= 0).sum(1))
    short = program_ids[order[:1]]
    torch.testing.assert_close(
        encode(network, program_ids[order])[:1], encode(network, short), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("decoder", ["gru", "transformer"])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_few_steps_lower_the_loss(decoder, precision, small, batch):
    torch.manual_seed(0)
    network = build_network(small(decoder_kind=decoder, latent_noise=0.05, dropout=0.05))
    given = batch(slice(0, 32))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=precision, enabled=precision != torch.float32):
            latent = network.encode(given.nodes)
            features = network.decoder(latent, given.steps)
            nats = step_terms(network.head, features, given.steps).nats.sum() / 32
        nats.backward()
        optimizer.step()
        losses.append(nats.item())
    assert losses[-1] < 0.7 * losses[0]


def test_latents_longer_than_256_numbers_are_refused():
    from models.config_file import to_config

    with pytest.raises(UserError, match="latent_dim"):
        to_config(AstAutoencoderConfig, {"latent_dim": 257}, "here")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"hidden_dim": 48, "decoder_kind": "transformer"}, "multiple of 32"),
        ({"hidden_dim": 30}, "multiple of 4"),
    ],
)
def test_widths_that_do_not_divide_are_refused(keys, message):
    with pytest.raises(UserError, match=message):
        AstAutoencoderConfig(**keys)
