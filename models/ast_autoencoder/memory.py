"""What to say when training of an AST autoencoder runs out of memory."""

import dataclasses

from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.cost import describe_cost
from models.ast_autoencoder.data import ProgramDataset
from models.memory import USABLE, OutOfMemory, smaller_batch


def out_of_memory(
    config: AstAutoencoderConfig, dataset: ProgramDataset, device: str, free_mb: float
) -> OutOfMemory:
    """Build the error for a training that ran out of memory.

    Args:
        config: what was tried.
        dataset: on what.
        device: where.
        free_mb: memory that was free before.
    """
    one, two = (
        describe_cost(dataclasses.replace(config, batch_size=size), dataset).memory_mb
        for size in (1, 2)
    )
    fits = int((free_mb * USABLE - one) / (two - one) + 1)
    needed = describe_cost(config, dataset)
    return OutOfMemory(
        f"out of memory on {device}: tried --batch_size {config.batch_size} with programs of up to "
        f"{config.max_decode_steps} steps and {needed.num_parameters:,} parameters, about "
        f"{needed.memory_mb:,.0f} MB where {free_mb:,.0f} MB were free. "
        f"{smaller_batch(fits, config.batch_size)}; or lower --hidden_dim, --encoder_layers, "
        "--decoder_layers or --max_decode_steps"
    )
