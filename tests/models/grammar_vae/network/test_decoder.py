"""The decoder: cut in time, driven by z alone."""

import pytest
import torch

from models.grammar_vae.network.decoder import Decoder

KINDS = [
    pytest.param(latent, position, layers, id=f"{latent}-{position}-{layers}")
    for latent in ("latent_state", "repeat_latent", "weighted_latent")
    for position in (False, True)
    for layers in (1, 3)
]


def build(latent, position, layers, dropout=0.0):
    torch.manual_seed(0)
    decoder = Decoder(
        num_ids=5,
        num_steps=9,
        z_dim=4,
        hidden=6,
        layers=layers,
        dropout=dropout,
        latent=latent,
        position=position,
    )
    return decoder.eval()


@pytest.mark.parametrize(("latent", "position", "layers"), KINDS)
def test_fewer_steps_are_the_beginning_of_more(latent, position, layers, generator):
    decoder = build(latent, position, layers)
    z = torch.randn(3, 4, generator=generator)
    whole = decoder(z, 9)
    assert whole.shape == (3, 9, 5)
    for cut in (1, 4, 8):
        torch.testing.assert_close(decoder(z, cut), whole[:, :cut])


@pytest.mark.parametrize(("latent", "position", "layers"), KINDS)
def test_rows_do_not_see_each_other(latent, position, layers, generator):
    decoder = build(latent, position, layers)
    z = torch.randn(3, 4, generator=generator)
    whole = decoder(z, 9)
    for row in range(3):
        torch.testing.assert_close(decoder(z[row : row + 1], 9), whole[row : row + 1])


@pytest.mark.parametrize(("latent", "position", "layers"), KINDS)
def test_every_latent_dimension_matters_at_every_step(latent, position, layers, generator):
    decoder = build(latent, position, layers)
    z = torch.randn(1, 4, generator=generator)
    logits = decoder(z, 9)
    for dimension in range(4):
        other = z.clone()
        other[0, dimension] += 1.0
        changed = (decoder(other, 9) - logits).abs().amax(dim=(0, 2))
        assert (changed > 0).all(), f"z[{dimension}]"


@pytest.mark.parametrize(("latent", "position", "layers"), KINDS)
def test_every_parameter_is_trained(latent, position, layers, generator):
    decoder = build(latent, position, layers)
    decoder(torch.randn(3, 4, generator=generator), 9).square().sum().backward()
    for name, parameter in decoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_dropout_acts_in_training_only(generator):
    decoder = build("latent_state", False, 3, dropout=0.5)
    z = torch.randn(3, 4, generator=generator)
    torch.testing.assert_close(decoder(z, 9), decoder(z, 9), rtol=0, atol=0)
    decoder.train()
    assert not torch.equal(decoder(z, 9), decoder(z, 9))
