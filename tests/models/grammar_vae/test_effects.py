"""Every key acts but where it is declared not to: all are trained with two values.

Contexts switch on and off what the declarations name; in each, one key after the other changes.
"""

import dataclasses
import itertools
import random

import pytest
import torch

from models.config_file import to_mapping
from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.data import DataConfig, load_dataset
from models.grammar_vae.effects import APPLIES
from models.grammar_vae.task import GrammarVaeTask

VALUES = {
    "z_dim": (4, 6),
    "encoder_style": ("residual", "plain"),
    "encoder_hidden": (8, 12),
    "encoder_conv_layers": (2, 1),
    "encoder_kernel": (3, 5),
    "encoder_pool": ("mean", "flatten"),
    "decoder_input": ("latent_state", "repeat_latent"),
    "decoder_position": (False, True),
    "decoder_hidden": (8, 12),
    "decoder_layers": (2, 1),
    "decoder_dropout": (0.0, 0.5),
    "batch_size": (16, 8),
    "lr": (0.01, 0.02),
    "lr_schedule": ("constant", "cosine"),
    "clip_norm": (1.0, 1e-3),
    "precision": ("float32", "bfloat16"),
    "seed": (1, 2),
    "beta": (0.5, 0.0),
    "kl_anneal_epochs": (5, 7),
    "cyclical_beta": (False, True),
    "cycle_epochs": (6, 4),
    "free_bits": (0.0, 1e3),
}
NOT_TRAINED_WITH = {"description", "epochs", "early_stop_patience", "save_top_k"}
SWITCHED = ("decoder_layers", "cyclical_beta", "beta")
CONTEXTS = list(itertools.product(*(VALUES[key] for key in SWITCHED)))


@pytest.fixture(scope="module")
def few():
    return load_dataset(DataConfig(dataset="equations", num_rows=30, seed=1))


def trained(settings, dataset):
    task = GrammarVaeTask(GrammarVaeConfig(**settings, epochs=4), dataset, "cpu")
    for epoch in (1, 2):
        task.train_epoch(epoch)
    return task.network.state_dict()


def same(ours, theirs):
    shapes = [{name: t.shape for name, t in each.items()} for each in (ours, theirs)]
    return shapes[0] == shapes[1] and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_every_key_is_tried():
    assert VALUES.keys() | NOT_TRAINED_WITH == {
        k.name for k in dataclasses.fields(GrammarVaeConfig)
    }


@pytest.mark.parametrize("context", CONTEXTS, ids=str)
def test_a_key_changes_training_unless_it_is_declared_not_to(context, few):
    rng = random.Random(str(context))
    settings = {key: rng.choice(values) for key, values in VALUES.items()}
    settings |= dict(zip(SWITCHED, context, strict=True))
    settings["free_bits"] = 0.0  # with many, beta weighs nothing
    first = trained(settings, few)
    for key, values in VALUES.items():
        (other,) = (value for value in values if value != settings[key])
        of_key = [each for each in APPLIES if each.key == key and not each.of]
        acts = all(each.holds_with(settings[each.on]) for each in of_key)
        assert same(first, trained(settings | {key: other}, few)) is not acts, key


def test_plateau_acts_from_the_epoch_that_is_declared():
    from models.optimization.schedules import PLATEAU, PlateauFactor

    plateau = PlateauFactor()
    factors = []
    for _ in range(10):  # epochs without any gain behind the first
        factors.append(plateau.factor)
        plateau.update(1.0)
    first = next(epoch for epoch, factor in enumerate(factors, start=1) if factor < 1)
    assert PLATEAU.holds_with(first)
    assert not PLATEAU.holds_with(first - 1)


def test_a_preset_with_an_idle_key_loads():
    config = GrammarVaeConfig(cyclical_beta=False, cycle_epochs=12, beta=0.0, free_bits=2.0)
    assert to_mapping(config)["cycle_epochs"] == 12


@pytest.mark.parametrize(("layers", "num_parts"), [(1, True), (2, False)])
def test_dropout_that_does_nothing_keeps_the_threads(few, layers, num_parts, monkeypatch):
    monkeypatch.setattr("models.training.network_task.count_parts", lambda *_: 2)
    settings = {key: values[0] for key, values in VALUES.items()}
    config = GrammarVaeConfig(**settings | {"decoder_dropout": 0.5, "decoder_layers": layers})
    assert (GrammarVaeTask(config, few, "cpu").num_parts == 2) is num_parts
