"""Decoders: whole sequences, the same step by step, and the same from tables of products."""

from dataclasses import replace

import pytest
import torch

from models.ast_autoencoder.network.network import build_network


@pytest.fixture(params=[("gru", 1), ("gru", 2), ("transformer", 2)], ids=str)
def decoder(request, small):
    torch.manual_seed(0)
    kind, layers = request.param
    return build_network(small(decoder_kind=kind, decoder_layers=layers)).decoder.eval()


@pytest.fixture
def latent():
    return torch.randn(16, 24, generator=torch.Generator().manual_seed(1))


def test_steps_give_the_features_of_the_whole_sequence(decoder, latent, batch):
    steps = batch(slice(0, 16)).steps
    with torch.no_grad():
        expected = decoder(latent, steps)
        state = decoder.begin(latent, 48)
        for number in range(steps.ids.shape[0]):
            features, state = decoder.step(
                state, steps.previous[number], steps.symbol[number], steps.node[number]
            )
            real = steps.ids[number] >= 0
            torch.testing.assert_close(features[real], expected[number][real], rtol=1e-3, atol=1e-4)


def test_states_can_be_reordered(decoder, latent, batch):
    steps = batch(slice(0, 16)).steps
    order = torch.tensor([5, 5, 0])
    with torch.no_grad():
        state = decoder.begin(latent, 48)
        for number in range(3):
            told = (steps.previous[number], steps.symbol[number], steps.node[number])
            features, after = decoder.step(state, *told)
            some, _ = decoder.step(state.select(order), *(each[order] for each in told))
            torch.testing.assert_close(some, features[order], rtol=1e-4, atol=1e-5)
            state = after


@pytest.mark.parametrize("many", [True, False], ids=["many steps", "few steps"])
def test_products_from_tables_are_those_of_the_inputs(many, small, batch):
    torch.manual_seed(0)
    decoder = build_network(small()).decoder
    steps = batch(slice(0, 16)).steps
    if not many:  # as of a data set with more pairs than the batch has steps
        steps = replace(steps, pairs=steps.pairs.repeat(100, 1))
    assert (steps.pair.numel() > len(steps.pairs)) == many
    latent = torch.randn(steps.ids.shape[1], 24, requires_grad=True)
    inputs, states = decoder.inputs.along(latent, steps), decoder._first_states(latent)
    real = steps.ids >= 0
    layer_by_layer = decoder.gru(inputs, states)[real]
    from_tables = decoder(latent, steps)[real]
    torch.testing.assert_close(from_tables, layer_by_layer, rtol=1e-4, atol=1e-5)
    weights = [latent, *decoder.parameters()]
    torch.testing.assert_close(
        torch.autograd.grad(from_tables.square().sum(), weights),
        torch.autograd.grad(layer_by_layer.square().sum(), weights),
        rtol=1e-3,
        atol=1e-3,
    )
