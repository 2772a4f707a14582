"""Every key acts: all are trained with two values, beside every kind of encoder and decoder."""

import dataclasses
import itertools
import random

import pytest
import torch

from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.data import DataConfig, load_dataset
from models.ast_autoencoder.effects import APPLIES
from models.ast_autoencoder.task import AstAutoencoderTask

VALUES = {
    "hidden_dim": (32, 64),
    "encoder_layers": (1, 2),
    "encoder_kind": ("gcn", "relational"),
    "latent_dim": (12, 8),
    "place_dim": (4, 6),
    "decoder_kind": ("gru", "transformer"),
    "decoder_layers": (1, 2),
    "dropout": (0.0, 0.3),
    "latent_noise": (0.0, 0.3),
    "max_decode_steps": (100, 99),
    "batch_size": (8, 4),
    "lr": (0.01, 0.02),
    "lr_schedule": ("constant", "cosine"),
    "weight_decay": (0.0, 0.1),
    "clip_norm": (1.0, 1e-3),
    "precision": ("float32", "bfloat16"),
    "seed": (1, 2),
}
NOT_TRAINED_WITH = {"description", "epochs", "early_stop_patience", "save_top_k"}
CONTEXTS = list(itertools.product(("gcn", "relational", "gatv2"), VALUES["decoder_kind"]))


@pytest.fixture(scope="module")
def few():
    return load_dataset(DataConfig(num_programs=12, seed=1))


def trained(settings, dataset):
    task = AstAutoencoderTask(AstAutoencoderConfig(**settings, epochs=4), dataset, "cpu")
    for epoch in (1, 2):
        task.train_epoch(epoch)
    return task.network.state_dict()


def same(ours, theirs):
    shapes = [{name: t.shape for name, t in each.items()} for each in (ours, theirs)]
    return shapes[0] == shapes[1] and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_every_key_is_tried():
    known = {key.name for key in dataclasses.fields(AstAutoencoderConfig)}
    assert VALUES.keys() | NOT_TRAINED_WITH == known


@pytest.mark.parametrize("context", CONTEXTS, ids=str)
def test_a_key_changes_training_unless_it_is_declared_not_to(context, few):
    rng = random.Random(str(context))
    settings = {key: rng.choice(values) for key, values in VALUES.items()}
    settings |= dict(zip(("encoder_kind", "decoder_kind"), context, strict=True))
    first = trained(settings, few)
    assert same(first, trained(settings, few))
    for key, values in VALUES.items():
        other = next(value for value in values if value != settings[key])
        of_key = [each for each in APPLIES if each.key == key and not each.of]
        acts = all(each.holds_with(settings[each.on]) for each in of_key)
        assert same(first, trained(settings | {key: other}, few)) is not acts, key
