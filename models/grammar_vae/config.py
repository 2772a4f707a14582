"""The settings of a Grammar-VAE: one flat dataclass gives the YAML keys and the flags."""

from dataclasses import dataclass
from typing import Literal

from models.errors import Mistake, UserError
from models.field_types import (
    Kernel,
    Layers,
    NonNegative,
    NonNegativeFloat,
    Positive,
    PositiveFloat,
    Probability,
    Seed,
    Width,
)
from models.optimization.schedules import LrSchedule
from models.wording import count


@dataclass(frozen=True, kw_only=True)
class GrammarVaeConfig:
    """Architecture, training, loss and monitoring of a Grammar-VAE.

    Raises:
        UserError: keys that contradict each other.
    """

    description: str = ""
    """One line for people."""

    z_dim: Width = 56
    """Latent dimensions."""
    encoder_style: Literal["residual", "plain"] = "residual"
    """residual: widening blocks with 1x1 shortcuts; plain: as in Kusner et al. 2017."""
    encoder_hidden: Width = 256
    """Channels: residual blocks have hidden/2, hidden, 2*hidden, 2*hidden...; plain hidden."""
    encoder_conv_layers: Layers = 3
    """Convolution layers."""
    encoder_kernel: Kernel | tuple[Kernel, ...] = (3, 5, 7)
    """Kernel width: one number for every layer, or a list with one number a layer."""
    encoder_pool: Literal["mean", "flatten"] = "mean"
    """mean over a row's real steps, or all steps side by side."""
    decoder_input: Literal["latent_state", "repeat_latent", "weighted_latent"] = "latent_state"
    """z sets the GRU's initial state, or is its input: at every step as it is, or times weights."""
    decoder_position: bool = False
    """Add a learned vector for each step to the decoder's input."""
    decoder_hidden: Width = 384
    """GRU units."""
    decoder_layers: Layers = 3
    """GRU layers."""
    decoder_dropout: Probability = 0.0
    """Dropout between GRU layers."""

    batch_size: Positive = 256
    """Rows an optimizer step."""
    lr: PositiveFloat = 1e-3
    """Peak learning rate of Adam."""
    lr_schedule: LrSchedule = "constant"
    """How the learning rate changes over the run."""
    clip_norm: NonNegativeFloat = 1.0
    """Largest gradient norm; 0 does not clip."""
    epochs: Positive = 100
    """Passes over the training rows."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 autocast on a GPU, float32 elsewhere. Weights are float32 always."""
    seed: Seed = 42
    """Seeds initial weights, batch order and noise."""

    beta: NonNegativeFloat = 1.0
    """Weight of the KL term against the cross-entropy summed over a row; 1 is the ELBO."""
    kl_anneal_epochs: NonNegative = 20
    """Epochs over which beta rises linearly from 0; 0 starts at beta."""
    cyclical_beta: bool = False
    """Repeat the rise in every cycle (Fu et al. 2019) instead of once."""
    cycle_epochs: Positive = 10
    """Epochs of a cycle: beta rises over its first half and holds over its second."""
    free_bits: NonNegativeFloat = 0.0
    """Nats of total KL below which the KL costs nothing (Kingma et al. 2016, section 2.4)."""

    early_stop_patience: NonNegative = 15
    """Epochs without a better val/seq_acc before training ends; 0 never ends it."""
    save_top_k: Positive = 3
    """How many best checkpoints to keep of each kind."""

    def __post_init__(self) -> None:
        kernel = self.encoder_kernel
        if not isinstance(kernel, int) and len(kernel) != self.encoder_conv_layers:
            raise UserError(
                f"encoder_kernel has {count(len(kernel), 'number')} ({list(kernel)}) for "
                f"encoder_conv_layers = {self.encoder_conv_layers}: give one number a layer, "
                "or a single number for all"
            )
        if self.cyclical_beta and self.cycle_epochs < 2:
            raise UserError(
                Mistake(
                    key="cycle_epochs",
                    value=self.cycle_epochs,
                    rule="a cycle needs 2 epochs or more to rise from 0 and reach beta",
                )
            )

    @property
    def kernels(self) -> tuple[int, ...]:
        """The kernel width of every convolution layer."""
        if isinstance(self.encoder_kernel, int):
            return (self.encoder_kernel,) * self.encoder_conv_layers
        return self.encoder_kernel

    @property
    def architecture(self) -> dict[str, object]:
        """The keys that the weights depend on, with their values: a run that goes on keeps them."""
        keys = (
            *("z_dim", "encoder_style", "encoder_hidden", "encoder_conv_layers", "encoder_pool"),
            *("decoder_input", "decoder_position", "decoder_hidden", "decoder_layers"),
        )
        values: dict[str, object] = {key: getattr(self, key) for key in keys}
        return values | {"encoder_kernel": list(self.kernels)}
