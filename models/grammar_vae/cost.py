"""What training a Grammar-VAE takes, computed from its settings without training it."""

import torch

from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.data import DerivationDataset
from models.grammar_vae.network import build_network, encoder_channels
from models.model_spec import ModelCost

_MB = 1e6
_FLOAT = 4
_LIBRARIES_MB = 450.0
"""Resident size of a Python process with torch imported (measured, torch 2.13 on a CPU)."""


def describe_cost(config: GrammarVaeConfig, dataset: DerivationDataset) -> ModelCost:
    """Return parameters, checkpoint size and an estimate of memory at the batch size.

    Memory: weights, gradients and Adam's two moments, plus the activations that backward needs,
    each counted once in float32, plus the process itself.
    """
    return cost_of(
        config,
        num_productions=dataset.num_productions,
        num_steps=int(dataset.ids.shape[1]),
        num_train_rows=len(dataset.train),
    )


def cost_of(
    config: GrammarVaeConfig, *, num_productions: int, num_steps: int, num_train_rows: int
) -> ModelCost:
    """Return the cost for data of the given sizes."""
    with torch.device("meta"):
        network = build_network(config, num_ids=num_productions, num_steps=num_steps)
    parameters = network.num_parameters
    # A block keeps its input, the convolution and the activation; a GRU layer about six of its
    # width (three gates, the state and two inputs); the head its logits, mask and softmax.
    encoder = 3 * sum(encoder_channels(config))
    decoder = 6 * config.decoder_hidden * config.decoder_layers + 4 * num_productions
    activations = config.batch_size * num_steps * (encoder + decoder)
    return ModelCost(
        num_parameters=parameters,
        checkpoint_mb=3 * parameters * _FLOAT / _MB,
        memory_mb=_LIBRARIES_MB + (4 * parameters + activations) * _FLOAT / _MB,
        rows_per_epoch=num_train_rows,
    )
