"""What to say when training of a Grammar-VAE runs out of memory."""

from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.cost import memory_of
from models.grammar_vae.data import DerivationDataset
from models.training.memory import USABLE, OutOfMemory, smaller_batch


def out_of_memory(
    config: GrammarVaeConfig, dataset: DerivationDataset, device: str, free_mb: float
) -> OutOfMemory:
    """Build the error for a training that ran out of memory.

    Args:
        config: what was tried.
        dataset: on what.
        device: where.
        free_mb: memory that was free before.
    """
    sizes = {"num_productions": dataset.num_productions, "num_steps": int(dataset.ids.shape[1])}
    needed = memory_of(config, **sizes)
    fits = needed.largest_batch_size(free_mb * USABLE)
    return OutOfMemory(
        f"out of memory on {device}: tried --batch_size {config.batch_size} with rows of "
        f"{sizes['num_steps']} steps and {needed.num_parameters:,} parameters, about "
        f"{needed.total_mb(config.batch_size):,.0f} MB where {free_mb:,.0f} MB were free. "
        f"{smaller_batch(fits, config.batch_size)}; or lower --encoder_hidden, "
        "--encoder_conv_layers, --decoder_hidden or --decoder_layers, or leave out the longest rows"
    )
