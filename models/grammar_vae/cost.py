"""What training a Grammar-VAE takes, computed from its settings without training it."""

from dataclasses import dataclass

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
    memory = memory_of(config, num_productions=num_productions, num_steps=num_steps)
    return ModelCost(
        num_parameters=memory.num_parameters,
        checkpoint_mb=3 * memory.num_parameters * _FLOAT / _MB,
        memory_mb=_LIBRARIES_MB + memory.total_mb(config.batch_size),
        rows_per_epoch=num_train_rows,
    )


@dataclass(frozen=True, kw_only=True)
class TrainingMemory:
    """Memory that training takes beyond that of the process itself.

    Attributes:
        num_parameters: trainable parameters.
        fixed_mb: weights, gradients, Adam's moments and what an update needs.
        row_mb: a row of a batch.
    """

    num_parameters: int
    fixed_mb: float
    row_mb: float

    def total_mb(self, batch_size: int) -> float:
        """Return the memory at a batch size."""
        return self.fixed_mb + batch_size * self.row_mb

    def largest_batch_size(self, memory_mb: float) -> int:
        """Return the largest batch size that fits in so much memory, 0 when none does."""
        return max(0, int((memory_mb - self.fixed_mb) / self.row_mb))


def memory_of(config: GrammarVaeConfig, *, num_productions: int, num_steps: int) -> TrainingMemory:
    """Return the memory for rows of the given size."""
    with torch.device("meta"):
        network = build_network(config, num_ids=num_productions, num_steps=num_steps)
    parameters = network.num_parameters
    # A block keeps its input, the convolution and the activation; a GRU layer about six of its
    # width (three gates, the state and two inputs); the head its logits, mask and softmax.
    encoder = 3 * sum(encoder_channels(config))
    decoder = 6 * config.decoder_hidden * config.decoder_layers + 4 * num_productions
    return TrainingMemory(
        num_parameters=parameters,
        fixed_mb=4 * parameters * _FLOAT / _MB,
        row_mb=num_steps * (encoder + decoder) * _FLOAT / _MB,
    )
