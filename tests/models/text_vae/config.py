"""The settings of a text VAE."""

from dataclasses import dataclass

from models.field_types import NonNegative, NonNegativeFloat, Positive, PositiveFloat
from models.optimization.schedules import LrSchedule


@dataclass(frozen=True, kw_only=True)
class TextVaeConfig:
    """Architecture and training."""

    description: str = ""
    hidden: Positive = 64
    """Width of encoder and decoder."""
    z_dim: Positive = 16
    """Numbers that a line is encoded to."""
    beta: NonNegativeFloat = 0.01
    """Weight of the KL divergence."""
    batch_size: Positive = 16
    lr: PositiveFloat = 0.01
    lr_schedule: LrSchedule = "constant"
    clip_norm: NonNegativeFloat = 0.0
    epochs: Positive = 10
    early_stop_patience: NonNegative = 0
    seed: NonNegative = 42
    save_top_k: Positive = 2

    @property
    def architecture(self) -> dict[str, object]:
        """The keys that the weights depend on."""
        return {"hidden": self.hidden, "z_dim": self.z_dim}
