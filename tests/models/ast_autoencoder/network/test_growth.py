import pytest
import torch

from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.decoding import decode, sampler
from models.ast_autoencoder.network.columns import columns
from models.ast_autoencoder.network.growth import grown
from models.ast_autoencoder.network.network import build_network
from models.programs.language.machine import ConstraintMachine

FIRST = 406
NUM_CONTEXTS = 97
NUM_KINDS, NUM_CONSTANTS = 171, 128
"""Sizes of the tables of networks of the first version."""


@pytest.fixture
def network():
    torch.manual_seed(3)
    config = AstAutoencoderConfig(hidden_dim=16, latent_dim=32, max_decode_steps=40)
    return build_network(config).eval()


def of_first_version(weights):
    """The weights that a network of the first version would hold."""
    old = dict(weights)
    previous = weights["decoder.inputs.previous.weight"]
    old["decoder.inputs.previous.weight"] = torch.cat([previous[:FIRST], previous[-1:]])
    old["decoder.inputs.symbol.weight"] = weights["decoder.inputs.symbol.weight"][
        : NUM_CONTEXTS + 1
    ]
    old["encoder.kind.weight"] = weights["encoder.kind.weight"][: NUM_KINDS + 1]
    old["encoder.constant.weight"] = weights["encoder.constant.weight"][: NUM_CONSTANTS + 1]
    place = torch.as_tensor(columns(FIRST).column)
    weighted = place < columns(FIRST).num_weighted
    for name in ("head.columns.weight", "head.columns.bias"):
        part = weights[name].new_zeros((columns(FIRST).num_weighted, *weights[name].shape[1:]))
        part[place[weighted]] = weights[name][torch.as_tensor(columns().column[:FIRST])[weighted]]
        old[name] = part
    return old


def test_what_was_there_keeps_its_numbers(network):
    weights = network.state_dict()
    old = of_first_version(weights)
    new = grown(old, FIRST)
    assert {name: value.shape for name, value in new.items()} == {
        name: value.shape for name, value in weights.items()
    }
    assert all(torch.equal(old[name], value) for name, value in of_first_version(new).items())


def test_what_was_not_there_is_never_written(network):
    network.load_state_dict(grown(of_first_version(network.state_dict()), FIRST))
    machine = ConstraintMachine("cpu", 40)
    choose = sampler(torch.Generator().manual_seed(0), 1.0)
    written = decode(network, torch.randn(64, 32), machine, choose)
    assert written.max() < FIRST


def test_weights_of_another_network_are_left_to_whoever_loads_them():
    weights = {"weight": torch.zeros(3)}
    assert grown(weights, FIRST) == weights
