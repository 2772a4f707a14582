"""The settings of an AST autoencoder: one flat dataclass gives the YAML keys and the flags."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from models.errors import Mistake, UserError
from models.field_types import (
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

HEAD_WIDTH = 32
"""Width of an attention head of the transformer decoder."""


@dataclass(frozen=True, kw_only=True)
class AstAutoencoderConfig:
    """Architecture, training and monitoring of an AST autoencoder.

    Raises:
        UserError: keys that contradict each other.
    """

    description: str = ""
    """One line for people."""

    hidden_dim: Width = 128
    """Width of the encoder's layers and of the decoder's state."""
    encoder_layers: Layers = 3
    """Graph convolutions."""
    encoder_kind: Literal["gcn", "relational", "gatv2"] = "gcn"
    """gcn: edge types share a product; relational: a product for each; gatv2: attention."""
    latent_dim: Annotated[int, Field(gt=0, le=256)] = 256
    """Numbers that a program is encoded to."""
    place_dim: Width = 32
    """Numbers that each node of a program writes to the latent, and that are read back of it."""
    decoder_kind: Literal["gru", "transformer"] = "gru"
    """What turns the latent into productions, step by step."""
    decoder_layers: Layers = 1
    """Layers of the decoder."""
    dropout: Probability = 0.0
    """Probability of dropping a feature, in encoder and decoder."""
    latent_noise: NonNegativeFloat = 0.0
    """Noise added to the latent in training, in units of its own spread."""
    max_decode_steps: Annotated[int, Field(ge=4, le=1024)] = 100
    """Productions of a program at most: longer ones are not trained on and count as missed."""

    batch_size: Positive = 8
    """Programs an optimizer step."""
    lr: PositiveFloat = 1e-3
    """Peak learning rate of Adam."""
    lr_schedule: LrSchedule = "constant"
    """How the learning rate changes over the run."""
    weight_decay: NonNegativeFloat = 0.0
    """Decoupled weight decay (AdamW)."""
    clip_norm: NonNegativeFloat = 1.0
    """Largest gradient norm; 0 does not clip."""
    epochs: Positive = 10
    """Passes over the training programs."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 products where the hardware has them. Weights are float32 always."""
    seed: Seed = 42
    """Seeds initial weights, batch order and noise."""

    early_stop_patience: NonNegative = 0
    """Evaluations without a better val/exact_match_rate before training ends; 0 never ends it."""
    save_top_k: Positive = 3
    """How many best checkpoints a search keeps of each kind."""

    def __post_init__(self) -> None:
        if self.decoder_kind == "transformer" and self.hidden_dim % HEAD_WIDTH:
            rule = (
                f"a transformer decoder needs a multiple of {HEAD_WIDTH}, the width of its "
                "attention heads"
            )
            raise UserError(Mistake(key="hidden_dim", value=self.hidden_dim, rule=rule))
        if self.hidden_dim % 4:
            rule = "choose a multiple of 4, since the four types of edges share it"
            raise UserError(Mistake(key="hidden_dim", value=self.hidden_dim, rule=rule))

    @property
    def architecture(self) -> dict[str, object]:
        """The keys that the weights depend on, with their values: a run that goes on keeps them."""
        keys = (
            *("hidden_dim", "encoder_layers", "encoder_kind", "latent_dim", "place_dim"),
            *("decoder_kind", "decoder_layers", "max_decode_steps"),
        )
        return {key: getattr(self, key) for key in keys}
