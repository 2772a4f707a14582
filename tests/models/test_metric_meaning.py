"""Which settings change what a metric measures: those that its model declares, and no others.

The same weights are judged under other settings. A number that then differs means another thing,
so that trials which differ in that setting cannot be compared by it.
"""

import dataclasses

import pytest

from models.registry import MODELS

# Tiny settings and data, and another value for every key that may be searched.
CASES = {
    "grammar_vae": (
        {"z_dim": 4, "encoder_hidden": 8, "encoder_conv_layers": 1, "encoder_kernel": 3,
         "decoder_hidden": 8, "decoder_layers": 2, "decoder_dropout": 0.1, "batch_size": 16,
         "beta": 0.5, "precision": "float32", "kl_anneal_epochs": 0},
        {"dataset": "equations", "num_rows": 60},
        {"decoder_dropout": 0.5, "batch_size": 7, "lr": 0.1, "lr_schedule": "cosine",
         "clip_norm": 0.1, "precision": "bfloat16", "beta": 2.0, "kl_anneal_epochs": 9,
         "cyclical_beta": True, "cycle_epochs": 4, "free_bits": 1e3, "early_stop_patience": 3},
    ),
    "ast_autoencoder": (
        {"hidden_dim": 32, "latent_dim": 24, "place_dim": 8, "precision": "float32"},
        {"num_programs": 40},
        {"dropout": 0.5, "latent_noise": 0.5, "batch_size": 3, "lr": 0.1, "lr_schedule": "cosine",
         "weight_decay": 0.5, "clip_norm": 0.1, "precision": "bfloat16", "early_stop_patience": 3},
    ),
}  # fmt: skip
NOT_SEARCHED = {"description", "epochs", "seed", "save_top_k"}
TOLERANCE = 0.02
"""Relative: what another precision, or another order of adding up, may change."""


@pytest.fixture(scope="module", params=sorted(MODELS))
def trained(request):
    """Return a model's spec, its settings and data, and its state after an epoch."""
    settings, data, others = CASES[request.param]
    spec = MODELS[request.param]
    config = spec.config_type(**settings)
    dataset = spec.load_data(spec.data_type(**data), None)
    task = spec.build_task(config, dataset, "cpu")
    task.train_epoch(1)
    return spec, config, dataset, task.state_dict(), others


def judge(trained, **changes):
    """Return the metrics of the same weights under other settings."""
    spec, config, dataset, state, _ = trained
    task = spec.build_task(dataclasses.replace(config, **changes), dataset, "cpu")
    task.load_state_dict(state)
    return {f"val/{name}": value for name, value in task.evaluate().items()}


def test_every_key_is_judged_or_belongs_to_the_weights(trained):
    _, config, *_, others = trained
    keys = {field.name for field in dataclasses.fields(config)}
    assert keys == others.keys() | config.architecture.keys() | NOT_SEARCHED


def test_the_same_settings_give_the_same_numbers(trained):
    assert judge(trained) == pytest.approx(judge(trained))


def test_a_metric_means_the_same_but_for_what_is_declared(trained):
    spec, *_, others = trained
    before = judge(trained)
    for key, value in others.items():
        after = judge(trained, **{key: value})
        for metric in spec.metrics:
            same = after[metric.name] == pytest.approx(
                before[metric.name], rel=TOLERANCE, abs=TOLERANCE
            )
            assert same != (key in metric.depends_on), f"{metric.name} under {key} = {value}"


def test_what_a_metric_depends_on_is_a_setting(trained):
    spec, config, *_, others = trained
    for metric in spec.metrics:
        assert set(metric.depends_on) <= others.keys() | config.architecture.keys()


def test_the_metrics_that_searches_use_unasked_depend_on_nothing(trained):
    spec = trained[0]
    for name in (spec.main_metric, spec.secondary_metric):
        assert spec.metric(name).depends_on == ()


def test_rows_of_other_lengths_are_other_rows_to_the_ast_autoencoders_losses():
    """Its losses leave out what is longer than max_decode_steps, which no weights can tell."""
    spec = MODELS["ast_autoencoder"]
    depending = {metric.name for metric in spec.metrics if "max_decode_steps" in metric.depends_on}
    assert depending == {"val/reconstruction_loss", "val/loss"}
