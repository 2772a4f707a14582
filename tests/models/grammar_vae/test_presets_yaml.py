"""The built-in presets: their published values, their sizes, and that they train."""

import pytest

from models.config_file import to_mapping
from models.grammar_vae.cost import describe_cost
from models.grammar_vae.data import DataConfig, load_dataset
from models.grammar_vae.spec import GRAMMAR_VAE
from models.grammar_vae.task import GrammarVaeTask
from models.presets import find_preset, survey_presets

BUILT_IN = [preset for preset in survey_presets([GRAMMAR_VAE]).presets if preset.built_in]


def test_the_five_presets_that_users_know_come_first():
    assert [preset.name for preset in BUILT_IN[:5]] == [
        "kusner_original",
        "kusner_hyperparams_enhanced_arch",
        "enhanced_v1",
        "minimal",
        "large",
    ]


@pytest.mark.parametrize("preset", BUILT_IN, ids=lambda preset: preset.name)
def test_a_preset_describes_itself_and_trains(preset):
    few = load_dataset(DataConfig(dataset="equations", num_rows=20, seed=1))
    assert preset.config.description
    task = GrammarVaeTask(preset.config, few, "cpu")
    assert describe_cost(preset.config, few).num_parameters == task.network.num_parameters
    # Of a one-cycle the first updates are so small that noise in the latents can hide them.
    before, *_, after = (task.train_epoch(epoch)["recon"] for epoch in range(1, 13))
    assert after < before


def test_the_file_says_how_to_train():
    header = GRAMMAR_VAE.presets_file.read_text(encoding="utf-8").splitlines()[:5]
    assert any("python -m models.grammar_vae.train --config" in line for line in header)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (
            "kusner_original",
            {
                "encoder_style": "plain",
                "encoder_conv_layers": 2,
                "encoder_hidden": 9,
                "encoder_kernel": 9,
                "encoder_pool": "flatten",
                "decoder_input": "repeat_latent",
                "decoder_layers": 3,
                "decoder_hidden": 501,
                "beta": 1.0,
                "kl_anneal_epochs": 10,
                "batch_size": 500,
            },
        ),
        (
            "kusner_hyperparams_enhanced_arch",
            {
                "encoder_hidden": 256,
                "encoder_kernel": [3, 5, 7],
                "decoder_layers": 3,
                "decoder_hidden": 384,
                "beta": 1.0,
                "kl_anneal_epochs": 20,
                "free_bits": 0.5,
                "batch_size": 256,
            },
        ),
        ("enhanced_v1", {"beta": 0.5, "kl_anneal_epochs": 90, "batch_size": 128}),
        (
            "minimal",
            {
                "encoder_hidden": 64,
                "encoder_conv_layers": 2,
                "encoder_kernel": 3,
                "decoder_layers": 2,
                "decoder_hidden": 128,
            },
        ),
        (
            "large",
            {
                "encoder_hidden": 512,
                "encoder_kernel": [3, 5, 7, 9],
                "decoder_layers": 4,
                "decoder_hidden": 512,
                "kl_anneal_epochs": 30,
                "batch_size": 256,
            },
        ),
    ],
)
def test_built_in_presets_have_the_published_values(name, values):
    settings = to_mapping(find_preset(GRAMMAR_VAE, name).config)
    assert {key: settings[key] for key in values} == values


def test_the_enhanced_pair_shares_its_network():
    first = to_mapping(find_preset(GRAMMAR_VAE, "enhanced_v1").config)
    second = to_mapping(find_preset(GRAMMAR_VAE, "kusner_hyperparams_enhanced_arch").config)
    network = [key for key in first if key.startswith(("z_dim", "encoder_", "decoder_"))]
    assert {key: first[key] for key in network} == {key: second[key] for key in network}
