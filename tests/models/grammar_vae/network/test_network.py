"""How settings become a network, and how large it is."""

from dataclasses import replace

import pytest
import torch

from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.network.network import Posterior, build_network, encoder_channels
from models.grammar_vae.spec import GRAMMAR_VAE
from models.presets import find_preset

PDE = {"num_ids": 56, "num_steps": 114}
"""Sizes of the published arrays, for which parameter counts are quoted."""


def parameters_of(name):
    with torch.device("meta"):
        return build_network(find_preset(GRAMMAR_VAE, name).config, **PDE).num_parameters


def conv_parameters(kernel, before, after):
    return kernel * before * after + after


def gru_parameters(width, hidden):
    return 3 * hidden * (width + hidden) + 6 * hidden


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("kusner_hyperparams_enhanced_arch", 4.0),
        ("enhanced_v1", 4.0),
        ("large", 21.0),
        ("kusner_original", 4.0),
    ],
)
def test_presets_have_the_size_they_are_known_for(name, millions):
    assert parameters_of(name) / 1e6 == pytest.approx(millions, rel=0.05)


def test_the_size_of_the_enhanced_network_is_the_sum_of_its_layers():
    z_dim, hidden = 56, 384
    encoder = conv_parameters(3, 56, 128) + conv_parameters(1, 56, 128)
    encoder += conv_parameters(5, 128, 256) + conv_parameters(1, 128, 256)
    encoder += conv_parameters(7, 256, 512) + conv_parameters(1, 256, 512)
    encoder += 2 * (128 + 256 + 512)  # layer normalisation
    encoder += conv_parameters(1, 512, 2 * z_dim)
    decoder = conv_parameters(1, z_dim, 3 * hidden) + hidden + 3 * gru_parameters(hidden, hidden)
    decoder += conv_parameters(1, hidden, 56)
    assert parameters_of("enhanced_v1") == encoder + decoder


def test_the_size_of_the_original_network_is_mostly_three_gru_layers():
    z_dim, hidden = 56, 501
    encoder = conv_parameters(9, 56, 9) + conv_parameters(9, 9, 9)
    encoder += conv_parameters(1, 9 * 114, 2 * z_dim)
    gru = gru_parameters(z_dim, hidden) + 2 * gru_parameters(hidden, hidden)
    decoder = gru + conv_parameters(1, hidden, 56)
    assert parameters_of("kusner_original") == encoder + decoder
    assert gru_parameters(hidden, hidden) == pytest.approx(1.5e6, rel=0.01)  # the quoted 1.5 M


@pytest.mark.parametrize(
    ("style", "num_layers", "channels"),
    [
        ("residual", 1, [128]),
        ("residual", 2, [128, 256]),
        ("residual", 5, [128, 256, 512, 512, 512]),
        ("plain", 3, [256, 256, 256]),
    ],
)
def test_channels_widen_in_residual_encoders_only(style, num_layers, channels):
    config = GrammarVaeConfig(encoder_style=style, encoder_conv_layers=num_layers, encoder_kernel=3)
    assert encoder_channels(config) == channels


def test_one_channel_is_the_least():
    config = GrammarVaeConfig(encoder_hidden=1, encoder_conv_layers=2, encoder_kernel=3)
    assert encoder_channels(config) == [1, 1]


def test_an_int_kernel_reaches_every_layer(tiny):
    """A public trainer of such models ignores it, so the number of parameters is checked."""
    sizes = [
        build_network(tiny(encoder_kernel=kernel), num_ids=7, num_steps=9).num_parameters
        for kernel in (3, (3, 3), 5, (3, 5))
    ]
    assert sizes[0] == sizes[1]
    assert sizes[0] < sizes[3] < sizes[2]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"encoder_style": "plain", "encoder_pool": "flatten", "decoder_input": "repeat_latent"},
        {"encoder_kernel": (2, 4), "decoder_layers": 3, "decoder_dropout": 0.5},
        {"decoder_position": True, "decoder_input": "repeat_latent", "encoder_conv_layers": 1},
        {"encoder_conv_layers": 4, "decoder_position": True},
        {"decoder_position": True, "decoder_input": "weighted_latent"},
    ],
)
def test_every_setting_gives_a_network_whose_every_parameter_is_trained(tiny, changes):
    network = build_network(tiny(**changes), num_ids=7, num_steps=9)
    assert network.z_dim == 6
    ids = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 0, 1], [6, 5, 4, -1, -1, -1, -1, -1, -1]])
    posterior = network.encode(ids)
    assert posterior.mean.shape == posterior.log_variance.shape == (2, 6)
    logits = network.decode(posterior.sample(torch.ones(2, 6)), 9)
    assert logits.shape == (2, 9, 7)
    assert logits.dtype == torch.float32
    logits.square().sum().backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_a_sample_has_the_mean_and_the_spread_of_the_posterior():
    posterior = Posterior(
        mean=torch.tensor([[1.0, -2.0]]), log_variance=torch.tensor([[0.0, 4.0]]).log()
    )
    sample = posterior.sample(torch.tensor([[3.0, 0.5]]))
    torch.testing.assert_close(sample, torch.tensor([[1.0, -1.0]]))


def test_settings_that_do_not_shape_the_network_do_not_change_its_weights(tiny):
    def weights(config):
        torch.manual_seed(0)
        return list(build_network(config, num_ids=7, num_steps=9).parameters())

    other = replace(tiny(), lr=1.0, beta=0.1, epochs=99, description="other")
    for ours, theirs in zip(weights(tiny()), weights(other), strict=True):
        assert torch.equal(ours, theirs)
