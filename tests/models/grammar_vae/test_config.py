"""Rules between the settings of a Grammar-VAE."""

import dataclasses

import pytest

from models.config_file import to_config, to_mapping
from models.errors import UserError
from models.grammar_vae.config import GrammarVaeConfig


def test_one_kernel_serves_every_layer():
    config = GrammarVaeConfig(encoder_kernel=9, encoder_conv_layers=2)
    assert config.kernels == (9, 9)


def test_a_list_of_kernels_gives_one_a_layer():
    config = GrammarVaeConfig(encoder_kernel=(3, 4), encoder_conv_layers=2)
    assert config.kernels == (3, 4)


@pytest.mark.parametrize(("kernel", "num_layers"), [((3, 5), 3), ((3, 5, 7, 9), 3), ((), 1)])
def test_another_number_of_kernels_than_layers_is_refused(kernel, num_layers):
    message = rf"encoder_kernel has {len(kernel)} numbers .* for encoder_conv_layers = {num_layers}"
    with pytest.raises(UserError, match=message):
        GrammarVaeConfig(encoder_kernel=kernel, encoder_conv_layers=num_layers)


def test_a_cycle_too_short_to_reach_beta_is_refused():
    assert GrammarVaeConfig(cyclical_beta=True, cycle_epochs=2).cycle_epochs == 2
    assert GrammarVaeConfig(cyclical_beta=False, cycle_epochs=1).cycle_epochs == 1
    with pytest.raises(UserError, match="cycle_epochs is 1: a cycle needs 2 epochs or more"):
        GrammarVaeConfig(cyclical_beta=True, cycle_epochs=1)


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError, match="z_dim"):
        GrammarVaeConfig().z_dim = 3


def test_the_defaults_are_legal():
    config = GrammarVaeConfig()
    assert to_config(GrammarVaeConfig, to_mapping(config), "defaults") == config
