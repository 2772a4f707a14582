"""What training an AST autoencoder takes, computed from its settings without training it."""

import numpy as np

from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.data import ProgramDataset
from models.ast_autoencoder.network.columns import columns
from models.ast_autoencoder.network.network import build_network
from models.layers.weights import sizes_only
from models.training.contracts import ModelCost
from models.training.memory import MemoryNeed, need_by_cost

_MB = 1e6
_FLOAT = 4
_LIBRARIES_MB = 450.0
"""Resident size of a Python process with torch imported (measured, torch 2.13 on a CPU)."""
_BYTES_A_STEP = 40
"""Of a data set's arrays: derivation, contexts and graph."""


def describe_cost(config: AstAutoencoderConfig, dataset: ProgramDataset) -> ModelCost:
    """Return parameters, checkpoint size and an estimate of memory at the batch size."""
    fits = np.asarray(dataset.lengths)[dataset.train] <= config.max_decode_steps
    return cost_of(
        config,
        num_steps=min(int(np.max(dataset.lengths, initial=1)), config.max_decode_steps),
        num_rows=len(dataset.ids),
        num_train_rows=int(fits.sum()),
    )


def usual_cost(config: AstAutoencoderConfig) -> ModelCost:
    """Return the cost for 1,000 programs of up to 100 steps, a fifth of them for validation."""
    steps = min(100, config.max_decode_steps)
    return cost_of(config, num_steps=steps, num_rows=1000, num_train_rows=800)


def memory_need(config: AstAutoencoderConfig, dataset: ProgramDataset) -> MemoryNeed:
    """Return what is said where training runs out of memory."""
    return need_by_cost(
        describe_cost,
        config,
        dataset,
        rows=f"programs of up to {config.max_decode_steps} steps",
        other_ways="lower --hidden_dim, --encoder_layers, --decoder_layers or --max_decode_steps",
    )


def cost_of(
    config: AstAutoencoderConfig, *, num_steps: int, num_rows: int, num_train_rows: int
) -> ModelCost:
    """Return the cost for data of the given sizes.

    Memory: weights, gradients and Adam's two moments, the activations that backward needs, each
    counted once in float32, the data set's arrays, and the process itself.
    """
    with sizes_only():
        parameters = build_network(config).num_parameters
    # A convolution keeps its input, what is kept and sent, and what is received; a GRU layer
    # about ten of its width (gates, states, products and their gradients); the head its scores.
    encoder = 5 * config.hidden_dim * config.encoder_layers
    decoder = 10 * config.hidden_dim * config.decoder_layers + 4 * columns().num_columns
    activations = config.batch_size * num_steps * (encoder + decoder)
    data = num_rows * num_steps * _BYTES_A_STEP
    return ModelCost(
        num_parameters=parameters,
        checkpoint_mb=3 * parameters * _FLOAT / _MB,
        memory_mb=_LIBRARIES_MB + ((4 * parameters + activations) * _FLOAT + data) / _MB,
        rows_per_epoch=num_train_rows,
    )
