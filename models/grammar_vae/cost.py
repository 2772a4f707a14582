"""What training a Grammar-VAE takes, computed from its settings without training it."""

from dataclasses import dataclass

from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.data import DerivationDataset
from models.grammar_vae.network.network import build_network, encoder_channels
from models.layers.weights import sizes_only
from models.training.contracts import ModelCost
from models.training.memory import MemoryNeed

_MB = 1e6
_FLOAT = 4
_LIBRARIES_MB = 390.0
"""Resident size of a Python process with torch and what training loads (torch 2.13, CPU)."""
_PER_CHANNEL = 4.0
_PER_UNIT = 6.0
_PER_UNIT_DROPPED_OUT = 8.3
_PER_PRODUCTION = 20.0
"""Numbers that backward needs a row and step, for each encoder channel, GRU unit and production.

Fitted to the peak resident size of training on a CPU at T = 97, P = 56, where float32 and bfloat16
differ little. Measured and estimated MB at the presets' own batch sizes: minimal 549 and 545,
kusner_hyperparams_enhanced_arch 1892 and 1872, enhanced_v1 1223 and 1163, kusner_original 2472 and
2435; large at 64 rows 1346 and 1457.
"""


def describe_cost(config: GrammarVaeConfig, dataset: DerivationDataset) -> ModelCost:
    """Return parameters, checkpoint size and an estimate of memory at the batch size.

    Memory: weights, gradients and Adam's two moments, what backward needs of each row, and the
    process itself. Rows are taken to be as long as the longest.
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


def memory_need(config: GrammarVaeConfig, dataset: DerivationDataset) -> MemoryNeed:
    """Return what is said where training runs out of memory."""
    num_steps = int(dataset.ids.shape[1])
    needed = memory_of(config, num_productions=dataset.num_productions, num_steps=num_steps)
    return MemoryNeed(
        rows=f"rows of {num_steps} steps",
        num_parameters=needed.num_parameters,
        mb=needed.total_mb,
        other_ways="lower --encoder_hidden, --encoder_conv_layers, --decoder_hidden or "
        "--decoder_layers, or leave out the longest rows",
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


def memory_of(config: GrammarVaeConfig, *, num_productions: int, num_steps: int) -> TrainingMemory:
    """Return the memory for rows of the given size."""
    with sizes_only():
        network = build_network(config, num_ids=num_productions, num_steps=num_steps)
    parameters = network.num_parameters
    dropped_out = config.decoder_dropout > 0 and config.decoder_layers > 1
    per_unit = _PER_UNIT_DROPPED_OUT if dropped_out else _PER_UNIT
    numbers = (
        _PER_CHANNEL * sum(encoder_channels(config))
        + per_unit * config.decoder_hidden * config.decoder_layers
        + _PER_PRODUCTION * num_productions
    )
    return TrainingMemory(
        num_parameters=parameters,
        fixed_mb=4 * parameters * _FLOAT / _MB,
        row_mb=num_steps * numbers * _FLOAT / _MB,
    )
